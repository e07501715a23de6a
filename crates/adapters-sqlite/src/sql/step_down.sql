DELETE FROM offices WHERE office = ?1 AND holder = ?2

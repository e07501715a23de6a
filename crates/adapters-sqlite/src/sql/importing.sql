UPDATE home SET importing = ?1 WHERE one = 1

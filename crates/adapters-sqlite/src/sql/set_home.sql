UPDATE home SET state = ?1, standing = ?2 WHERE one = 1

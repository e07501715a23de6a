DELETE FROM countersign.offices WHERE office = $1 AND holder = $2

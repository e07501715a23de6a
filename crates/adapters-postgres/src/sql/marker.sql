-- $1: the store's id
SELECT EXISTS (SELECT 1 FROM countersign.store WHERE one AND id = $1), pg_is_in_recovery(), clock_timestamp()

SELECT coalesce(pg_stat_get_dead_tuples(oid), 0),
       current_setting('autovacuum')::boolean
       AND NOT coalesce('autovacuum_enabled=false' = ANY (reloptions) OR 'autovacuum_enabled=off' = ANY (reloptions), false)
FROM pg_class WHERE oid = 'countersign.queue'::regclass

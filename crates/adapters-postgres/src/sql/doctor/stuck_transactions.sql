SELECT format('process %s (%s, %s) since %s', pid, coalesce(nullif(application_name, ''), usename, 'unnamed'), state,
              to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
FROM pg_stat_activity
WHERE xact_start < now() - interval '1 minute' AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND datname = current_database()
ORDER BY xact_start LIMIT 5

-- Rules keep their functions by number; functions of the server's own leave no dependency.
WITH RECURSIVE read (relation) AS (
    SELECT source::oid FROM countersign.fact_sources
    UNION
    SELECT d.refobjid FROM read
    JOIN pg_rewrite AS r ON r.ev_class = read.relation
    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                       AND d.refclassid = 'pg_class'::regclass
), called AS (
    SELECT r.ev_class, m[1]::oid AS function
    FROM read JOIN pg_rewrite AS r ON r.ev_class = read.relation,
    LATERAL regexp_matches(r.ev_action::text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') AS m
)
SELECT DISTINCT format('`%s` by `%s`', p.proname, called.ev_class::regclass)
FROM called JOIN pg_proc AS p ON p.oid = called.function
WHERE p.provolatile = 'v'
   OR p.proname IN ('now', 'transaction_timestamp', 'statement_timestamp', 'current_setting', 'current_schema',
                    'current_schemas', 'current_database', 'current_query', 'inet_client_addr', 'session_user',
                    'txid_current_snapshot', 'pg_current_snapshot', 'has_table_privilege', 'age', 'pg_has_role')
UNION
SELECT format('the clock or the user by `%s`', r.ev_class::regclass)
FROM read JOIN pg_rewrite AS r ON r.ev_class = read.relation
WHERE r.ev_action::text ~ '\{SQLVALUEFUNCTION'
ORDER BY 1

WITH RECURSIVE read (relation) AS (
    SELECT source::oid FROM countersign.fact_sources
    UNION
    SELECT d.refobjid FROM read
    JOIN pg_rewrite AS r ON r.ev_class = read.relation
    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                       AND d.refclassid = 'pg_class'::regclass
)
SELECT relation::regclass::text FROM read JOIN pg_class AS c ON c.oid = relation
WHERE c.relkind IN ('m', 'f') ORDER BY 1

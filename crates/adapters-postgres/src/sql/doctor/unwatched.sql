-- Tables that the views read, through whatever other views, and that lack a trigger which always fires.
WITH RECURSIVE read (relation) AS (
    SELECT source::oid FROM countersign.fact_sources
    UNION
    SELECT d.refobjid FROM read
    JOIN pg_rewrite AS r ON r.ev_class = read.relation
    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                       AND d.refclassid = 'pg_class'::regclass
)
SELECT relation::regclass::text FROM read JOIN pg_class AS c ON c.oid = relation
WHERE c.relkind IN ('r', 'p')
  AND c.relnamespace <> (SELECT relnamespace FROM pg_class WHERE oid = 'countersign.runs'::regclass)
  AND ((SELECT count(*) FROM pg_trigger AS t
        WHERE t.tgrelid = relation AND t.tgenabled = 'A'
          AND t.tgfoid IN ('countersign.notice_row'::regproc, 'countersign.notice_truncate'::regproc)) < 2
       OR NOT EXISTS (SELECT 1 FROM countersign.watches AS w WHERE w.watched = relation))
ORDER BY 1

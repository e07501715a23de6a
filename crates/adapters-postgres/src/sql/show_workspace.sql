SELECT id, active FROM countersign.fact_workspaces
WHERE id = $1 AND ($2::text IS NULL OR true) AND ($3::text IS NULL OR true)

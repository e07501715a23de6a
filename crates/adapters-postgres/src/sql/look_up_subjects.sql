-- One query a place:  $1: workspace  $2: tenant  $3: initiator, or null  $4: connection, or null.
-- A row each, or more where a view of the team's own tells a fact twice. `told` says that there is a fact at
-- all: a view may tell one whose value is null. Every fact is found by its key, whatever the statistics say:
-- an offset keeps the planner from turning the look-ups into one join.
SELECT q.place - 1, w.told, w.active, u.told, u.active, t.told, t.workspace_id, t.lifecycle,
       c.told, c.tenant_id, c.enabled, own.told, own.open, own.reason, narrow.told, narrow.open, narrow.reason
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
     WITH ORDINALITY AS q (workspace, tenant, initiator, connection, place)
LEFT JOIN LATERAL
    (SELECT true AS told, active FROM countersign.fact_workspaces WHERE id = q.workspace OFFSET 0) AS w ON true
LEFT JOIN LATERAL
    (SELECT true AS told, active FROM countersign.fact_users WHERE id = q.initiator OFFSET 0) AS u ON true
LEFT JOIN LATERAL
    (SELECT true AS told, workspace_id, lifecycle FROM countersign.fact_tenants WHERE id = q.tenant OFFSET 0) AS t ON true
LEFT JOIN LATERAL
    (SELECT true AS told, tenant_id, enabled FROM countersign.fact_connections WHERE id = q.connection OFFSET 0) AS c ON true
LEFT JOIN LATERAL
    (SELECT true AS told, open, reason FROM countersign.fact_write_gates
     WHERE workspace_id = q.workspace AND tenant_id IS NULL OFFSET 0) AS own ON true
LEFT JOIN LATERAL
    (SELECT true AS told, open, reason FROM countersign.fact_write_gates
     WHERE workspace_id = q.workspace AND tenant_id = q.tenant OFFSET 0) AS narrow ON true

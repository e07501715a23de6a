SELECT q.place - 1, p.tenant_id, p.name, p.met
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS q (workspace, tenant, place),
LATERAL (SELECT tenant_id, name, met FROM countersign.fact_prerequisites
         WHERE workspace_id = q.workspace AND (tenant_id IS NULL OR tenant_id = q.tenant) OFFSET 0) AS p

SELECT q.place - 1, g.tenant_id, g.role, g.expires_at
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS q (workspace, tenant, initiator, place),
LATERAL (SELECT tenant_id, role, expires_at FROM countersign.fact_grants
         WHERE user_id = q.initiator AND workspace_id = q.workspace
           AND (tenant_id IS NULL OR tenant_id = q.tenant) OFFSET 0) AS g

-- $1: facts, as the changes that would make them. They are written and nothing besides: a grant makes no user
-- known. What is there already is left as it is. Answers with the kind and the key of each that was not.
WITH facts AS MATERIALIZED (
    SELECT one, one ->> 'change' AS change, one ->> 'workspace' AS workspace, one ->> 'tenant' AS tenant,
           one ->> 'user' AS who, one ->> 'role' AS role
    FROM jsonb_array_elements($1::jsonb) AS one
), roles AS (
    INSERT INTO countersign.roles (role, capabilities, all_tenants)
    SELECT role, ARRAY(SELECT jsonb_array_elements_text(one -> 'capabilities')), (one ->> 'all_tenants')::boolean
    FROM facts WHERE change = 'define_role' ON CONFLICT DO NOTHING
    RETURNING 'define_role', ARRAY[role]
), workspaces AS (
    INSERT INTO countersign.workspaces (id, active)
    SELECT workspace, (one ->> 'active')::boolean
    FROM facts WHERE change = 'set_workspace' ON CONFLICT DO NOTHING
    RETURNING 'set_workspace', ARRAY[id]
), tenants AS (
    INSERT INTO countersign.tenants (id, workspace_id, lifecycle)
    SELECT tenant, workspace, (one ->> 'lifecycle')::countersign.tenant_lifecycle
    FROM facts WHERE change = 'set_tenant' ON CONFLICT DO NOTHING
    RETURNING 'set_tenant', ARRAY[id]
), users AS (
    INSERT INTO countersign.users (id, active)
    SELECT who, (one ->> 'active')::boolean
    FROM facts WHERE change = 'set_user' ON CONFLICT DO NOTHING
    RETURNING 'set_user', ARRAY[id]
), grants AS (
    INSERT INTO countersign.grants (user_id, workspace_id, tenant_id, role, expires_at)
    SELECT who, workspace, tenant, role, (one ->> 'expires_at')::timestamptz
    FROM facts WHERE change = 'grant' ON CONFLICT DO NOTHING
    RETURNING 'grant', ARRAY[user_id, workspace_id, coalesce(tenant_id, ''), role]
), connections AS (
    INSERT INTO countersign.connections (id, tenant_id, enabled)
    SELECT one ->> 'connection', tenant, (one ->> 'enabled')::boolean
    FROM facts WHERE change = 'set_connection' ON CONFLICT DO NOTHING
    RETURNING 'set_connection', ARRAY[id]
), gates AS (
    INSERT INTO countersign.write_gates (workspace_id, tenant_id, open, reason)
    SELECT workspace, tenant, (one ->> 'open')::boolean, one ->> 'reason'
    FROM facts WHERE change = 'set_write_gate' ON CONFLICT DO NOTHING
    RETURNING 'set_write_gate', ARRAY[workspace_id, coalesce(tenant_id, '')]
), prerequisites AS (
    INSERT INTO countersign.prerequisites (workspace_id, tenant_id, name, met)
    SELECT workspace, tenant, one ->> 'name', (one ->> 'met')::boolean
    FROM facts WHERE change = 'set_prerequisite' ON CONFLICT DO NOTHING
    RETURNING 'set_prerequisite', ARRAY[workspace_id, coalesce(tenant_id, ''), name]
)
TABLE roles UNION ALL TABLE workspaces UNION ALL TABLE tenants UNION ALL TABLE users UNION ALL TABLE grants
UNION ALL TABLE connections UNION ALL TABLE gates UNION ALL TABLE prerequisites

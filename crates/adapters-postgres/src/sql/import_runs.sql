-- $1: an array of runs, each an object.  As they were queued: what became of them comes next.
WITH moved AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS m (
        id uuid, workspace_id text, tenant_id text, initiator text, authority_mode text, operation_type text,
        provider_connection_id text, context text, priority smallint, unique_key text, chain_id uuid,
        attempt integer, retry_of uuid, requested_by text, queue_name text, queued_at timestamptz,
        due_at timestamptz, status text)
), asked AS (
    INSERT INTO countersign.runs
        (id, workspace_id, tenant_id, initiator, authority_mode, operation_type, provider_connection_id, context,
         priority, unique_key, chain_id, attempt, retry_of, requested_by, queue_name, queued_at, due_at)
    SELECT id, workspace_id, tenant_id, initiator, authority_mode::countersign.authority_mode, operation_type,
           provider_connection_id, context, priority, unique_key, chain_id, attempt, retry_of, requested_by,
           queue_name, queued_at, due_at
    FROM moved ON CONFLICT DO NOTHING RETURNING id
), states AS (
    INSERT INTO countersign.run_states (id, workspace_id, unique_hold)
    SELECT id, workspace_id, CASE WHEN status <> 'completed' THEN
           workspace_id || E'\n' || tenant_id || E'\n' || operation_type || E'\n' || unique_key END
    FROM moved JOIN asked USING (id)
)
SELECT id FROM asked

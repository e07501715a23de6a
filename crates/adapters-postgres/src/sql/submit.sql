-- One run a place. A run that cannot be queued is left out: its id is taken, or its unique key is held.
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                         $8::text[], $9::smallint[], $10::text[], $11::text[], $12::timestamptz[])
        WITH ORDINALITY AS a (id, workspace, tenant, initiator, mode, operation, connection,
                              context, priority, unique_key, queue_name, due_at, place)
), clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
), queued AS (
    INSERT INTO countersign.run_states (id, workspace_id, unique_hold)
    SELECT id, workspace, workspace || E'\n' || tenant || E'\n' || operation || E'\n' || unique_key
    FROM asked ORDER BY place
    ON CONFLICT DO NOTHING RETURNING id
)
INSERT INTO countersign.runs
    (id, workspace_id, tenant_id, initiator, authority_mode, operation_type, provider_connection_id, context,
     priority, unique_key, queue_name, queued_at, due_at, chain_id, attempt)
SELECT a.id, a.workspace, a.tenant, a.initiator, a.mode::countersign.authority_mode, a.operation, a.connection,
       a.context, a.priority, a.unique_key, a.queue_name, clock.now, coalesce(a.due_at, clock.now), a.id, 1
FROM queued JOIN asked AS a USING (id), clock
RETURNING id, due_at

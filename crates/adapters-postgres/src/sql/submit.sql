-- One run a place. A run that cannot be queued is left out: its id is taken, or its unique key is held.
-- $13: whether its entry goes to the queue, too.
-- `IS TRUE` has the ids looked up in a hash, where a join would follow the settings of the transaction.
WITH asked AS MATERIALIZED (
    SELECT a.*, coalesce(a.due, clock.now) AS due_at, clock.now
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::smallint[], $10::text[], $11::text[], $12::timestamptz[])
        WITH ORDINALITY AS a (id, workspace, tenant, initiator, mode, operation, connection,
                              context, priority, unique_key, queue_name, due, place),
    (SELECT clock_timestamp() AS now) AS clock
), queued AS (
    INSERT INTO countersign.run_states (id, workspace_id, unique_hold)
    SELECT id, workspace, workspace || E'\n' || tenant || E'\n' || operation || E'\n' || unique_key
    FROM asked ORDER BY place
    ON CONFLICT DO NOTHING RETURNING id
), entered AS (
    INSERT INTO countersign.queue
        (run_id, workspace_id, operation_type, queue_name, priority, due_at, ready, visible_at)
    SELECT id, workspace, operation, queue_name, priority, due_at, due_at <= now, due_at
    FROM asked WHERE $13 AND (id IN (SELECT id FROM queued)) IS TRUE
    ON CONFLICT DO NOTHING
)
INSERT INTO countersign.runs
    (id, workspace_id, tenant_id, initiator, authority_mode, operation_type, provider_connection_id, context,
     priority, unique_key, queue_name, queued_at, due_at, chain_id, attempt)
SELECT id, workspace, tenant, initiator, mode::countersign.authority_mode, operation, connection,
       context, priority, unique_key, queue_name, now, due_at, id, 1
FROM asked WHERE (id IN (SELECT id FROM queued)) IS TRUE
RETURNING id, due_at

-- One successor a place:  $1: predecessor  $2: successor  $3: how long until it is due, in microseconds
-- $4: who asked, or null
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[])
        WITH ORDINALITY AS a (predecessor, id, wait, requested_by, place)
), clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
), next AS MATERIALIZED (
    SELECT a.*, r.workspace_id, r.tenant_id, r.initiator, r.authority_mode, r.operation_type,
           r.provider_connection_id, r.context, r.priority, r.unique_key, r.queue_name, r.chain_id, r.attempt
    FROM asked AS a
    JOIN countersign.runs AS r ON r.id = ANY (ARRAY[a.predecessor])
    JOIN countersign.run_states AS s ON s.id = ANY (ARRAY[r.id]) AND s.status::text = 'completed'
    WHERE NOT EXISTS (SELECT 1 FROM countersign.runs AS known WHERE known.retry_of = r.id OFFSET 0)
), queued AS (
    INSERT INTO countersign.run_states (id, workspace_id, unique_hold)
    SELECT id, workspace_id,
           workspace_id || E'\n' || tenant_id || E'\n' || operation_type || E'\n' || unique_key
    FROM next ORDER BY place
    ON CONFLICT DO NOTHING RETURNING id
)
INSERT INTO countersign.runs
    (id, workspace_id, tenant_id, initiator, authority_mode, operation_type, provider_connection_id, context,
     priority, unique_key, queue_name, queued_at, due_at, chain_id, attempt, retry_of, requested_by)
SELECT n.id, n.workspace_id, n.tenant_id, n.initiator, n.authority_mode, n.operation_type,
       n.provider_connection_id, n.context, n.priority, n.unique_key, n.queue_name, clock.now,
       least(clock.now + n.wait * interval '1 microsecond', '9999-12-30 22:00:00Z'),
       n.chain_id, n.attempt + 1, n.predecessor, n.requested_by
FROM queued JOIN next AS n USING (id), clock
RETURNING id, workspace_id, operation_type, queue_name, priority, due_at, retry_of

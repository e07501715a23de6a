-- As many completed runs as are asked for, as a drain leaves them. The guards are for others.
INSERT INTO countersign.rulings (record, max_attempts) VALUES (
    '{"v":1,"decision_id":null,"allowed":true,"reason_code":null,"operation_type":"inventory_sync","authority_mode":"actor_bound","initiator":"u","target_scope":{"workspace_id":"w","tenant_id":"t","provider_connection_id":null}}', 3);
SET session_replication_role = replica;
CREATE TEMPORARY TABLE remembered AS
    SELECT countersign.fresh_run_id() AS id, now() - interval '1 day' + n * interval '1 millisecond' AS at
    FROM generate_series(1, :runs) AS n;
INSERT INTO countersign.runs
    (id, workspace_id, tenant_id, initiator, authority_mode, operation_type, context, priority, chain_id, attempt,
     queue_name, queued_at, due_at)
SELECT id, 'w', 't', 'u', 'actor_bound', 'inventory_sync', '{"note":"nightly"}', 0, id, 1, 'default', at, at
FROM remembered;
INSERT INTO countersign.run_states
    (id, workspace_id, status, outcome, allowed, ruling, decision_id, lease_id, started_at, lease_expires_at,
     completed_at)
SELECT id, 'w', 'completed', 'succeeded', true, (SELECT max(seq) FROM countersign.rulings), gen_random_uuid(),
       gen_random_uuid(), at, at + interval '30 s', at
FROM remembered;
SET session_replication_role = origin;

-- Queues runs in one call, and so in one round trip. One submission a place; `is_first`: that no earlier one of the call
-- names that id. What can be queued is, of two that exclude each other the first; each of the others is told by its
-- place, from zero, with the run that is there already:
--
--   created     the run, and when it is due; no place, but where its id was named before
--   existing    the run that has that id and asks for the same, or that holds that unique key
--   id_taken    the run that has that id and asks for something else
--
-- `is_alone`: the call is a transaction of its own, whose commit others rely on.
CREATE FUNCTION countersign.queue_runs(
    ids uuid[], is_first boolean[], workspaces text[], tenants text[], initiators text[], modes text[],
    operations text[], connections text[], contexts text[], priorities smallint[], unique_keys text[],
    queue_names text[], due_times timestamptz[], keeps_queue boolean, is_alone boolean
) RETURNS TABLE (place bigint, became text, run uuid, due timestamptz) LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off SET lock_timeout = '10s'
AS $$
DECLARE
    made uuid[];
    made_due timestamptz[];
    alone integer;
BEGIN
    IF is_alone THEN
        PERFORM set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                               WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true);
    END IF;
    -- `IS TRUE` has the ids looked up in a hash, where a join would follow the settings.
    WITH asked AS MATERIALIZED (
        SELECT a.*, coalesce(a.due_time, clock.now) AS due_at, clock.now
        FROM unnest(ids, is_first, workspaces, tenants, initiators, modes, operations, connections, contexts,
                    priorities, unique_keys, queue_names, due_times)
            WITH ORDINALITY AS a (id, first, workspace, tenant, initiator, mode, operation, connection,
                                  context, priority, unique_key, queue_name, due_time, at),
        (SELECT clock_timestamp() AS now) AS clock
        WHERE a.first
    ), queued AS (
        INSERT INTO countersign.run_states (id, workspace_id, unique_hold)
        SELECT id, workspace, workspace || E'\n' || tenant || E'\n' || operation || E'\n' || unique_key
        FROM asked ORDER BY at
        ON CONFLICT DO NOTHING RETURNING id
    ), entered AS (
        INSERT INTO countersign.queue
            (run_id, workspace_id, operation_type, queue_name, priority, due_at, ready, visible_at)
        SELECT id, workspace, operation, queue_name, priority, due_at, due_at <= now, due_at
        FROM asked WHERE keeps_queue AND (id IN (SELECT id FROM queued)) IS TRUE
        ON CONFLICT DO NOTHING
    ), kept AS (
        INSERT INTO countersign.runs
            (id, workspace_id, tenant_id, initiator, authority_mode, operation_type, provider_connection_id, context,
             priority, unique_key, queue_name, queued_at, due_at, chain_id, attempt)
        SELECT id, workspace, tenant, initiator, mode::countersign.authority_mode, operation, connection,
               context, priority, unique_key, queue_name, now, due_at, id, 1
        FROM asked WHERE (id IN (SELECT id FROM queued)) IS TRUE
        RETURNING id, due_at
    )
    SELECT array_agg(kept.id), array_agg(kept.due_at) INTO made, made_due FROM kept;
    RETURN QUERY
    SELECT NULL::bigint, 'created', m.id, m.due_at FROM unnest(made, made_due) AS m (id, due_at);
    IF cardinality(made) = cardinality(ids) THEN
        RETURN;
    END IF;
    FOR place, became, run IN
        SELECT a.at - 1, CASE WHEN same.asks_the_same IS FALSE THEN 'id_taken' ELSE 'existing' END,
               coalesce(same.id, holder.id)
        FROM unnest(ids, is_first, workspaces, tenants, initiators, modes, operations, connections, unique_keys)
            WITH ORDINALITY AS a (id, first, workspace, tenant, initiator, mode, operation, connection, unique_key, at)
        LEFT JOIN LATERAL (
            SELECT r.id, r.workspace_id = a.workspace AND r.tenant_id = a.tenant
                         AND r.initiator IS NOT DISTINCT FROM a.initiator AND r.authority_mode::text = a.mode
                         AND r.operation_type = a.operation
                         AND r.provider_connection_id IS NOT DISTINCT FROM a.connection AS asks_the_same
            FROM countersign.runs AS r WHERE r.id = a.id OFFSET 0) AS same ON true
        LEFT JOIN LATERAL (
            SELECT s.id FROM countersign.run_states AS s
            WHERE s.unique_hold = a.workspace || E'\n' || a.tenant || E'\n' || a.operation || E'\n' || a.unique_key
            OFFSET 0) AS holder ON true
        WHERE (a.first AND (a.id IN (SELECT unnest(made))) IS TRUE) IS NOT TRUE
    LOOP
        due := NULL;
        alone := place + 1;
        IF run IS NULL AND is_first[alone] THEN
            RAISE EXCEPTION 'a unique key was given up just now' USING ERRCODE = 'serialization_failure';
        ELSIF run IS NULL THEN
            -- Named before, by one that could not be queued for another reason.
            SELECT q.became, q.run, q.due INTO became, run, due
            FROM countersign.queue_runs(
                ids[alone:alone], '{true}', workspaces[alone:alone], tenants[alone:alone], initiators[alone:alone],
                modes[alone:alone], operations[alone:alone], connections[alone:alone], contexts[alone:alone],
                priorities[alone:alone], unique_keys[alone:alone], queue_names[alone:alone], due_times[alone:alone],
                keeps_queue, false) AS q;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- Completions and changes of authority in one call each, and so in one round trip: between the statements of a transaction
-- a change would hold its scopes, and a completion its runs, for as long as the way there and back takes. And entries that
-- bring their runs, so that nobody has to ask for these.

-- Completes successes that leave nothing with their run, a completion a place; answers with how many. A run whose cancel flag
-- was raised, or that is not running under this lease, is left as it is.
CREATE FUNCTION countersign.finish_plainly(asked_runs uuid[], workspaces text[], leases uuid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off SET lock_timeout = '10s'
AS $$
DECLARE
    completed bigint;
BEGIN
    PERFORM countersign.commit_durably();
    UPDATE countersign.run_states AS s
    SET status       = 'completed',
        outcome      = 'succeeded',
        completed_at = greatest((SELECT clock_timestamp()), s.started_at),
        unique_hold  = NULL
    FROM unnest(asked_runs, workspaces, leases) AS f (run, workspace, lease)
    WHERE s.id = ANY (ARRAY[f.run]) AND s.workspace_id = f.workspace AND s.status::text = 'running'
      AND s.lease_id = f.lease AND s.cancel_by IS NULL;
    GET DIAGNOSTICS completed = ROW_COUNT;
    RETURN completed;
END $$;

-- Changes that were validated, in a transaction of their own.
CREATE FUNCTION countersign.apply_alone(changes jsonb)
RETURNS TABLE (workspace_id text, counter bigint, nonce uuid) LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off SET lock_timeout = '10s'
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'authority is changed under READ COMMITTED' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN QUERY SELECT raised.* FROM countersign.apply_validated(changes) AS raised;
END $$;
REVOKE ALL ON FUNCTION countersign.apply_alone(jsonb) FROM PUBLIC;

-- Hands out entries as `countersign.receive` does, each with its run where that is queued.
CREATE FUNCTION countersign.receive_runs(
    asked_queue text, asked_operations text[], asked_limit bigint, invisible_micros bigint, wake_limit bigint
) RETURNS TABLE (
    run uuid, workspace text, operation text, delivery bigint, precedence smallint, due timestamptz, is_queued boolean,
    id uuid, workspace_id text, tenant_id text, initiator text, authority_mode text, operation_type text,
    provider_connection_id text, context text, priority smallint, unique_key text, chain_id uuid, attempt integer,
    retry_of uuid, requested_by text, queue_name text, queued_at timestamptz, due_at timestamptz,
    undecided_since timestamptz
) LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off SET lock_timeout = '10s'
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT e.run, e.workspace, e.operation, e.delivery, e.precedence, e.due, r.id IS NOT NULL,
           r.id, r.workspace_id, r.tenant_id, r.initiator, r.authority_mode::text, r.operation_type,
           r.provider_connection_id, r.context, r.priority, r.unique_key, r.chain_id, r.attempt, r.retry_of,
           r.requested_by, r.queue_name, r.queued_at, r.due_at, r.undecided_since
    FROM countersign.receive(asked_queue, asked_operations, asked_limit, invisible_micros, wake_limit) AS e
    LEFT JOIN LATERAL (
        SELECT asked.*, s.undecided_since
        FROM (SELECT status, undecided_since FROM countersign.run_states WHERE id = e.run OFFSET 0) AS s,
             (SELECT * FROM countersign.runs WHERE id = e.run OFFSET 0) AS asked
        WHERE s.status::text = 'queued' OFFSET 0) AS r ON true;
END $$;

-- Completions and changes of authority, in one call each and so in one round trip. Between the statements of a transaction
-- a change would hold its scopes, and a completion its runs, for as long as the way there and back takes.

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

-- Runs and rulings are found by their keys, whatever the statistics say. A plan is kept as long as a connection: one that
-- was made when the tables held next to nothing, and the statistics knew, read all of an index for each call, and went on
-- so while the tables grew. An offset keeps the planner from turning look-ups into a join.

CREATE OR REPLACE FUNCTION countersign.load(asked uuid[])
RETURNS TABLE (
    id uuid, workspace_id text, tenant_id text, initiator text, authority_mode text, operation_type text,
    provider_connection_id text, context text, priority smallint, unique_key text, chain_id uuid, attempt integer,
    retry_of uuid, requested_by text, queue_name text, queued_at timestamptz, due_at timestamptz,
    undecided_since timestamptz
) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.id, r.workspace_id, r.tenant_id, r.initiator, r.authority_mode::text, r.operation_type,
           r.provider_connection_id, r.context, r.priority, r.unique_key, r.chain_id, r.attempt, r.retry_of,
           r.requested_by, r.queue_name, r.queued_at, r.due_at, s.undecided_since
    FROM unnest(asked) AS one (id),
    LATERAL (SELECT status, undecided_since FROM countersign.run_states WHERE id = one.id OFFSET 0) AS s,
    LATERAL (SELECT * FROM countersign.runs WHERE id = one.id OFFSET 0) AS r
    WHERE s.status = 'queued';
END $$;

CREATE OR REPLACE FUNCTION countersign.hold_to_runs() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM made
        WHERE (SELECT workspace_id FROM countersign.runs WHERE id = made.id) IS DISTINCT FROM made.workspace_id
    ) THEN
        RAISE EXCEPTION 'G8: what becomes of a run is kept with that run'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION countersign.hold_to_rulings() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    -- Held, so that none of them is deleted before this has committed and is seen by whoever deletes.
    PERFORM 1 FROM countersign.rulings
    WHERE seq = ANY (ARRAY(SELECT DISTINCT ruling FROM moved
                           WHERE moved.status = 'running' OR moved.outcome = 'blocked'))
    FOR KEY SHARE;
    IF EXISTS (
        SELECT 1 FROM moved,
        LATERAL (SELECT * FROM countersign.runs WHERE id = moved.id OFFSET 0) AS asked
        LEFT JOIN LATERAL (SELECT * FROM countersign.rulings WHERE seq = moved.ruling OFFSET 0) AS ruled ON true
        WHERE (moved.status = 'running' OR moved.outcome = 'blocked')
          AND (ruled.allowed = moved.allowed
               AND ruled.reason_code IS NOT DISTINCT FROM moved.reason_code
               AND ruled.workspace_id = asked.workspace_id
               AND ruled.tenant_id = asked.tenant_id
               AND ruled.initiator IS NOT DISTINCT FROM asked.initiator
               AND ruled.authority_mode = asked.authority_mode::text
               AND ruled.operation_type = asked.operation_type
               AND ruled.provider_connection_id IS NOT DISTINCT FROM asked.provider_connection_id) IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'G4: a run says of its decision what was ruled on it'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;

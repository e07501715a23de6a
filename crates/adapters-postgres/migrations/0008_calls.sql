-- What a worker asks for on the way to a start, each in one call and so in one round trip. A call brings its settings
-- with it and leaves none behind: none rest on the session, and no plan rests on statistics, which of tables that fill
-- and empty within seconds are always wrong.

-- Makes entries ready whose time has come, the earliest first and a bounded number at a time; then hands out the first
-- ones of these operations. The commit may be lost with the server: a claim is over by itself after a while.
CREATE FUNCTION countersign.receive(
    asked_queue text, asked_operations text[], asked_limit bigint, invisible_micros bigint, wake_limit bigint
) RETURNS TABLE (run uuid, workspace text, operation text, delivery bigint, precedence smallint, due timestamptz)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_sort = off
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off
SET jit = off SET lock_timeout = '10s' AS $$
DECLARE
    invisible CONSTANT interval := invisible_micros * interval '1 microsecond';
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE countersign.queue SET ready = true, claimed_until = '-infinity'
    WHERE run_id = ANY (ARRAY(
        SELECT run_id FROM countersign.queue WHERE NOT ready AND visible_at <= (SELECT clock_timestamp())
        ORDER BY visible_at LIMIT wake_limit FOR UPDATE SKIP LOCKED));
    IF cardinality(asked_operations) = 1 THEN
        RETURN QUERY UPDATE countersign.queue
        SET claimed_until = (SELECT clock_timestamp()) + invisible, deliveries = deliveries + 1
        WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM countersign.queue
            WHERE ready AND queue_name = asked_queue AND operation_type = asked_operations[1]
              AND claimed_until <= (SELECT clock_timestamp())
            ORDER BY priority DESC, due_at, run_id LIMIT asked_limit FOR UPDATE SKIP LOCKED))
        RETURNING run_id, workspace_id, operation_type, deliveries, priority, due_at;
    ELSE
        -- The first ones of each operation, merged: entries of other operations cost nothing.
        RETURN QUERY UPDATE countersign.queue
        SET claimed_until = (SELECT clock_timestamp()) + invisible, deliveries = deliveries + 1
        WHERE ctid = ANY (ARRAY(
            SELECT first.place FROM unnest(asked_operations) AS known (operation), LATERAL (
                SELECT ctid AS place, run_id, priority, due_at FROM countersign.queue
                WHERE ready AND queue_name = asked_queue AND operation_type = known.operation
                  AND claimed_until <= (SELECT clock_timestamp())
                ORDER BY priority DESC, due_at, run_id LIMIT asked_limit FOR UPDATE SKIP LOCKED) AS first
            ORDER BY first.priority DESC, first.due_at, first.run_id LIMIT asked_limit))
        RETURNING run_id, workspace_id, operation_type, deliveries, priority, due_at;
    END IF;
END $$;

-- Those of these runs that are queued, with what was asked.
CREATE FUNCTION countersign.load(asked uuid[])
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
    FROM countersign.runs AS r JOIN countersign.run_states AS s ON s.id = r.id
    WHERE r.id = ANY (asked) AND s.status::text = 'queued';
END $$;

-- Facts and revisions of one snapshot, which is that of the statement that calls: this function is STABLE, and so sees
-- nothing later. A query a place, of workspace, tenant, initiator or null, connection or null. Rows are told as they
-- are, each with what it is, the place of its query, and its values as texts:
--
--   marker         whether the store is the one that was opened; whether this is a standby; `at`: the clock
--   scope          workspace, counter, nonce
--   subjects       of workspace, user, tenant, connection and two write gates: whether there is a fact at all, as a
--                  view may tell one whose value is null, and its values
--   grant          tenant or null, role; `at`: when it ends
--   prerequisite   tenant or null, name, whether it is met
--   role           name, whether it is of all tenants, whether its capabilities are a list, and those
--
-- A view of the team's own may tell a fact twice. Each is found by its key, whatever the statistics say: an offset
-- keeps the planner from turning the look-ups into one join.
CREATE FUNCTION countersign.look_up(
    store_id uuid, workspaces text[], tenants text[], initiators text[], asked_connections text[]
) RETURNS TABLE (kind text, place bigint, words text[], at timestamptz) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    is_marked CONSTANT boolean := EXISTS (SELECT 1 FROM countersign.store WHERE one AND id = store_id);
    places bigint[];
    granted_in text[];
    granted text[];
    ends timestamptz[];
BEGIN
    RETURN QUERY SELECT 'marker', 0::bigint, ARRAY[is_marked::text, pg_is_in_recovery()::text], clock_timestamp();
    IF NOT is_marked THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT 'scope', 0::bigint, ARRAY[workspace_id, counter::text, nonce::text], NULL::timestamptz
    FROM countersign.scopes WHERE workspace_id = ANY (workspaces);
    RETURN QUERY
    SELECT 'subjects', q.place - 1, ARRAY[
               w.told, w.active::text, u.told, u.active::text, t.told, t.workspace_id, t.lifecycle::text,
               c.told, c.tenant_id, c.enabled::text, own.told, own.open::text, own.reason,
               narrow.told, narrow.open::text, narrow.reason],
           NULL::timestamptz
    FROM unnest(workspaces, tenants, initiators, asked_connections)
         WITH ORDINALITY AS q (workspace, tenant, initiator, connection, place)
    LEFT JOIN LATERAL
        (SELECT 'true' AS told, active FROM countersign.fact_workspaces WHERE id = q.workspace OFFSET 0) AS w ON true
    LEFT JOIN LATERAL
        (SELECT 'true' AS told, active FROM countersign.fact_users WHERE id = q.initiator OFFSET 0) AS u ON true
    LEFT JOIN LATERAL
        (SELECT 'true' AS told, workspace_id, lifecycle FROM countersign.fact_tenants
         WHERE id = q.tenant OFFSET 0) AS t ON true
    LEFT JOIN LATERAL
        (SELECT 'true' AS told, tenant_id, enabled FROM countersign.fact_connections
         WHERE id = q.connection OFFSET 0) AS c ON true
    LEFT JOIN LATERAL
        (SELECT 'true' AS told, open, reason FROM countersign.fact_write_gates
         WHERE workspace_id = q.workspace AND tenant_id IS NULL OFFSET 0) AS own ON true
    LEFT JOIN LATERAL
        (SELECT 'true' AS told, open, reason FROM countersign.fact_write_gates
         WHERE workspace_id = q.workspace AND tenant_id = q.tenant OFFSET 0) AS narrow ON true;
    SELECT array_agg(q.place - 1), array_agg(g.tenant_id), array_agg(g.role), array_agg(g.expires_at)
    INTO places, granted_in, granted, ends
    FROM unnest(workspaces, tenants, initiators) WITH ORDINALITY AS q (workspace, tenant, initiator, place),
    LATERAL (SELECT tenant_id, role, expires_at FROM countersign.fact_grants
             WHERE user_id = q.initiator AND workspace_id = q.workspace
               AND (tenant_id IS NULL OR tenant_id = q.tenant) OFFSET 0) AS g;
    RETURN QUERY
    SELECT 'grant', g.place, ARRAY[g.tenant, g.role], g.ends
    FROM unnest(places, granted_in, granted, ends) AS g (place, tenant, role, ends);
    RETURN QUERY
    SELECT 'role', 0::bigint,
           ARRAY[role, all_tenants::text, is_list::text] || CASE WHEN is_list THEN capabilities ELSE '{}' END,
           NULL::timestamptz
    FROM (SELECT role, all_tenants, capabilities,
                 capabilities IS NOT NULL AND coalesce(array_ndims(capabilities), 1) = 1 AS is_list
          FROM countersign.fact_roles WHERE role = ANY (ARRAY(SELECT DISTINCT unnest(granted)))) AS defined;
    RETURN QUERY
    SELECT 'prerequisite', q.place - 1, ARRAY[p.tenant_id, p.name, p.met::text], NULL::timestamptz
    FROM unnest(workspaces, tenants) WITH ORDINALITY AS q (workspace, tenant, place),
    LATERAL (SELECT tenant_id, name, met FROM countersign.fact_prerequisites
             WHERE workspace_id = q.workspace AND (tenant_id IS NULL OR tenant_id = q.tenant) OFFSET 0) AS p;
END $$;

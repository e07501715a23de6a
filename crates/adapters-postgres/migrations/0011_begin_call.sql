-- Decisions that were read back as not made: no start of this run is made under them any more, however late what asks
-- for it arrives.
ALTER TABLE countersign.run_states ADD COLUMN barred uuid[];

-- As before, but planned once a session and no longer at each call: within the statement that asks, or kept.
CREATE OR REPLACE FUNCTION countersign.announcement(workspace text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.hashtextextended(
        workspace, 'countersign.scopes'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int8)
$$;
CREATE OR REPLACE FUNCTION countersign.announced() RETURNS SETOF bigint LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
END $$;

-- Begins starts in one call, and so in one round trip and one transaction: under locks that exclude changes to their
-- scopes it compares every revision with the one that was judged by, then moves the runs that are still queued.
--
--   store_id                  the store that was opened
--   records, attempts         what was ruled, a ruling a place, and its limit of attempts
--   by_age, until_times       whether it holds up to its age limit rather than by revisions; up to when, and without end
--                             where that is null: including that time where it goes by age, excluding it otherwise
--   scope_rulings and so on   the revisions that rulings rest on, by their places from one
--   asked_runs and so on      the starts, a start a place; a reason makes it a block
--   piece                     how many starts are moved before a change that waits is let in
--
-- Answers with one row: the clock under the locks; of each ruling, whether it held, and whether what it rests on is
-- being changed; of the starts whose ruling neither held nor is to be waited for, the runs that are still queued; of the
-- other starts up to `upto` those whose runs were not queued any more. Every other one up to there was made. Those after
-- it were left, to let a change in.
CREATE FUNCTION countersign.begin_runs(
    store_id uuid, records text[], attempts integer[], by_age boolean[], until_times timestamptz[],
    scope_rulings integer[], scope_workspaces text[], scope_counters bigint[], scope_nonces uuid[],
    asked_runs uuid[], workspaces text[], decisions uuid[], start_rulings integer[], reasons text[], leases uuid[],
    lease_micros bigint[], piece integer, keeps_queue boolean
) RETURNS TABLE (at timestamptz, held boolean[], busy boolean[], still_queued uuid[], unmoved uuid[], upto integer)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET jit = off SET lock_timeout = '10s'
AS $$
#variable_conflict use_column
DECLARE
    total CONSTANT integer := cardinality(asked_runs);
    wanted CONSTANT text[] := ARRAY(SELECT DISTINCT workspace FROM unnest(scope_workspaces) AS workspace);
    locked_workspaces text[];
    locked_counters bigint[];
    locked_nonces uuid[];
    changing text[] := '{}';
    is_awaited boolean;
    moved_rulings integer[];
    busy_rulings integer[];
    numbers bigint[];
    last integer;
    made uuid[];
    begun bigint := 0;
BEGIN
    -- Each statement is to see what has been committed when it runs.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'starts are made under READ COMMITTED' USING ERRCODE = 'serialization_failure';
    END IF;
    -- Raised where it is lower, never lowered: others rely on this commit.
    PERFORM set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                           WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true);

    -- Shared with other starts, in one order, but for those that somebody changes or waits to change; none where the
    -- store has lost its marker.
    WITH free AS MATERIALIZED (
        SELECT workspace FROM unnest(wanted) AS workspace
        WHERE (countersign.announcement(workspace) IN (SELECT countersign.announced())) IS NOT TRUE
          AND EXISTS (SELECT 1 FROM countersign.store WHERE one AND id = store_id)
    ), locked AS MATERIALIZED (
        SELECT workspace_id, counter, nonce FROM countersign.scopes
        WHERE workspace_id = ANY (ARRAY(SELECT workspace FROM free))
        ORDER BY workspace_id FOR SHARE SKIP LOCKED
    )
    SELECT array_agg(workspace_id), array_agg(counter), array_agg(nonce)
    INTO locked_workspaces, locked_counters, locked_nonces FROM locked;

    IF cardinality(locked_workspaces) IS DISTINCT FROM cardinality(wanted) THEN
        SELECT coalesce(array_agg(workspace_id), '{}'),
               bool_or((countersign.announcement(workspace_id) IN (SELECT countersign.announced())) IS TRUE)
        INTO changing, is_awaited FROM countersign.scopes
        WHERE workspace_id = ANY (wanted) AND (workspace_id IN (SELECT unnest(locked_workspaces))) IS NOT TRUE
          AND EXISTS (SELECT 1 FROM countersign.store WHERE one AND id = store_id);
        -- Only a call that could do nothing else waits for a change under way, and not for long. To share a row that
        -- somebody waits for would pass them by.
        IF locked_workspaces IS NULL AND cardinality(changing) = cardinality(wanted) AND NOT is_awaited
           AND true <> ALL (by_age) THEN
            BEGIN
                PERFORM set_config('lock_timeout', '250ms', true);
                WITH locked AS MATERIALIZED (
                    SELECT workspace_id, counter, nonce FROM countersign.scopes
                    WHERE workspace_id = ANY (changing) ORDER BY workspace_id FOR SHARE
                )
                SELECT array_agg(workspace_id), array_agg(counter), array_agg(nonce)
                INTO locked_workspaces, locked_counters, locked_nonces FROM locked;
                changing := '{}';
                PERFORM set_config('lock_timeout', '10s', true);
            EXCEPTION WHEN lock_not_available THEN
                locked_workspaces := NULL;
            END;
        END IF;
    END IF;
    at := clock_timestamp();

    -- `= ANY (ARRAY[…])` has a row found by its key, whatever the statistics say: by `=` alone, all of an index in its
    -- order is a way to join. `IS TRUE` and its like have what follows `IN` looked up in a hash, where a join would
    -- follow the settings.
    moved_rulings := ARRAY(
        SELECT ruling FROM unnest(scope_rulings, scope_workspaces, scope_counters, scope_nonces)
            AS judged (ruling, workspace, counter, nonce)
        WHERE ((workspace, counter, nonce) IN
               (SELECT * FROM unnest(locked_workspaces, locked_counters, locked_nonces))) IS NOT TRUE);
    busy_rulings := ARRAY(
        SELECT ruling FROM unnest(scope_rulings, scope_workspaces) AS judged (ruling, workspace)
        WHERE (workspace IN (SELECT unnest(changing))) IS TRUE);
    SELECT array_agg(CASE WHEN goes_by_age THEN at <= until_time
                          ELSE (place IN (SELECT unnest(scope_rulings))) IS TRUE
                               AND (place IN (SELECT unnest(moved_rulings))) IS NOT TRUE
                               AND (until_time IS NULL OR at < until_time) END ORDER BY place),
           array_agg((place IN (SELECT unnest(busy_rulings))) IS TRUE ORDER BY place)
    INTO held, busy
    FROM unnest(by_age, until_times) WITH ORDINALITY AS ruling (goes_by_age, until_time, place);

    still_queued := '{}';
    IF EXISTS (SELECT 1 FROM unnest(held, busy) AS ruling (is_held, is_busy) WHERE NOT is_held AND NOT is_busy) THEN
        -- As authority could be read for them, they are no longer undecided (G6).
        UPDATE countersign.run_states AS s SET undecided_since = NULL, put_off_until = NULL
        FROM unnest(asked_runs, workspaces, start_rulings) AS start (run, workspace, ruling)
        WHERE s.id = ANY (ARRAY[start.run]) AND s.workspace_id = start.workspace AND s.status::text = 'queued'
          AND s.undecided_since IS NOT NULL AND NOT held[start.ruling] AND NOT busy[start.ruling];
        still_queued := ARRAY(
            SELECT s.id FROM unnest(asked_runs, workspaces, start_rulings) AS start (run, workspace, ruling)
            JOIN countersign.run_states AS s ON s.id = ANY (ARRAY[start.run]) AND s.workspace_id = start.workspace
            WHERE s.status::text = 'queued' AND NOT held[start.ruling] AND NOT busy[start.ruling]);
    END IF;

    unmoved := '{}';
    upto := 0;
    IF true = ANY (held) THEN
        WITH ruled AS (
            INSERT INTO countersign.rulings (record, max_attempts)
            SELECT record, attempts FROM unnest(records, attempts) WITH ORDINALITY AS r (record, attempts, place)
            ORDER BY place
            RETURNING seq
        )
        SELECT array_agg(seq ORDER BY seq) INTO numbers FROM ruled;
        WHILE upto < total LOOP
            -- The first piece gives way to nobody, so that every call gets on.
            EXIT WHEN begun > 0 AND EXISTS (
                SELECT 1 FROM unnest(locked_workspaces) AS workspace
                WHERE countersign.announcement(workspace) IN (SELECT countersign.announced()));
            last := least(upto + piece, total);
            WITH moved AS (
                UPDATE countersign.run_states AS s
                SET status           = CASE WHEN start.reason IS NULL THEN 'running' ELSE 'completed' END::countersign.run_status,
                    outcome          = CASE WHEN start.reason IS NULL THEN 'pending' ELSE 'blocked' END::countersign.run_outcome,
                    allowed          = start.reason IS NULL,
                    ruling           = numbers[start.ruling],
                    decision_id      = start.decision,
                    reason_code      = start.reason,
                    started_at       = CASE WHEN start.reason IS NULL THEN at END,
                    completed_at     = CASE WHEN start.reason IS NULL THEN NULL ELSE at END,
                    lease_id         = CASE WHEN start.reason IS NULL THEN start.lease END,
                    lease_expires_at = CASE WHEN start.reason IS NULL THEN at + start.micros * interval '1 microsecond' END,
                    unique_hold      = CASE WHEN start.reason IS NULL THEN s.unique_hold END,
                    undecided_since  = NULL,
                    put_off_until    = NULL,
                    barred           = NULL
                FROM unnest(asked_runs[upto + 1:last], workspaces[upto + 1:last], decisions[upto + 1:last],
                            start_rulings[upto + 1:last], reasons[upto + 1:last], leases[upto + 1:last],
                            lease_micros[upto + 1:last])
                     AS start (run, workspace, decision, ruling, reason, lease, micros)
                WHERE s.id = ANY (ARRAY[start.run]) AND s.workspace_id = start.workspace AND s.status::text = 'queued'
                  AND (start.decision = ANY (s.barred)) IS NOT TRUE AND held[start.ruling]
                RETURNING s.id
            ), gone AS (
                DELETE FROM countersign.queue WHERE keeps_queue AND run_id = ANY (ARRAY(SELECT id FROM moved))
            )
            SELECT array_agg(id) INTO made FROM moved;
            IF cardinality(made) IS DISTINCT FROM last - upto THEN
                unmoved := unmoved || ARRAY(
                    SELECT run FROM unnest(asked_runs[upto + 1:last], start_rulings[upto + 1:last]) AS start (run, ruling)
                    WHERE held[ruling] AND (run IN (SELECT unnest(made))) IS NOT TRUE);
            END IF;
            begun := begun + coalesce(cardinality(made), 0);
            upto := last;
        END LOOP;
    END IF;
    RETURN NEXT;
END $$;

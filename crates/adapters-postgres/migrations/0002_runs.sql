-- The truth about every run, in two tables: what was asked, which never changes, and what became of it.
-- A start and a completion write a narrow row and its few index entries, however large the run is.
-- The constraints hold G1, G3 and G4 against any writer, this adapter included; enums are never null, and
-- nulls are compared, so that no constraint is dodged by NULL.

CREATE TYPE countersign.authority_mode AS ENUM ('actor_bound', 'system');
CREATE TYPE countersign.run_status AS ENUM ('queued', 'running', 'completed');
CREATE TYPE countersign.run_outcome AS ENUM
    ('pending', 'succeeded', 'partially_succeeded', 'failed', 'blocked', 'cancelled');
CREATE TYPE countersign.failure_code AS ENUM
    ('handler_failed', 'timeout', 'panicked', 'worker_lost', 'authority_unavailable');

CREATE TABLE countersign.runs (
    id                     uuid                       NOT NULL PRIMARY KEY,
    workspace_id           text COLLATE "C"           NOT NULL,
    tenant_id              text COLLATE "C"           NOT NULL,
    initiator              text COLLATE "C",
    authority_mode         countersign.authority_mode NOT NULL,
    operation_type         text COLLATE "C"           NOT NULL,
    provider_connection_id text COLLATE "C",
    context                text                       NOT NULL,
    priority               smallint                   NOT NULL,
    unique_key             text COLLATE "C",
    chain_id               uuid                       NOT NULL,
    attempt                integer                    NOT NULL CHECK (attempt > 0),
    retry_of               uuid,
    requested_by           text,
    queue_name             text COLLATE "C"           NOT NULL,
    queued_at              timestamptz                NOT NULL,
    due_at                 timestamptz                NOT NULL,

    CONSTRAINT system_has_no_initiator CHECK (authority_mode <> 'system' OR initiator IS NULL)
);
CREATE UNIQUE INDEX runs_one_successor ON countersign.runs (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX runs_newest ON countersign.runs (queued_at, id);
CREATE INDEX runs_by_workspace ON countersign.runs (workspace_id, queued_at, id);

CREATE TRIGGER runs_stay_what_they_are BEFORE UPDATE ON countersign.runs
FOR EACH ROW EXECUTE FUNCTION countersign.refuse('G8: what a run is and whom it is for never changes');

CREATE TRIGGER runs_are_not_emptied BEFORE TRUNCATE ON countersign.runs
EXECUTE FUNCTION countersign.refuse('G5: an unfinished run is never deleted');

CREATE TABLE countersign.run_states (
    id               uuid                    NOT NULL PRIMARY KEY
                                             REFERENCES countersign.runs (id) ON DELETE CASCADE,
    workspace_id     text COLLATE "C"        NOT NULL,
    status           countersign.run_status  NOT NULL DEFAULT 'queued',
    outcome          countersign.run_outcome NOT NULL DEFAULT 'pending',
    allowed          boolean,
    ruling           bigint,
    decision_id      uuid,
    lease_id         uuid,
    started_at       timestamptz,
    lease_expires_at timestamptz,
    completed_at     timestamptz,
    put_off_until    timestamptz,
    undecided_since  timestamptz,
    failure_code     countersign.failure_code,
    reason_code      text,
    -- Workspace, tenant, operation and unique key while the run holds it, a line each: no id has one.
    unique_hold      text COLLATE "C",
    cancel_by        text,
    cancel_reason    text,
    failure_message  text,
    continuity       text,
    result           text,
    output           text,

    CONSTRAINT completed_has_an_outcome CHECK ((status = 'completed') = (outcome <> 'pending')),
    CONSTRAINT completed_has_a_time CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CONSTRAINT completed_holds_no_unique_key CHECK (status <> 'completed' OR unique_hold IS NULL),
    CONSTRAINT queued_has_not_started CHECK (status <> 'queued' OR (started_at IS NULL AND allowed IS NULL)),
    CONSTRAINT running_has_a_lease CHECK (status <> 'running' OR
        (started_at IS NOT NULL AND lease_id IS NOT NULL AND lease_expires_at IS NOT NULL)),
    CONSTRAINT g1_blocked_never_started CHECK (outcome <> 'blocked' OR
        (started_at IS NULL AND lease_id IS NULL AND allowed IS NOT DISTINCT FROM false
         AND reason_code IS NOT NULL)),
    CONSTRAINT g1_work_has_started CHECK
        (outcome NOT IN ('succeeded', 'partially_succeeded') OR started_at IS NOT NULL),
    CONSTRAINT g4_a_start_has_its_allow CHECK (started_at IS NULL OR
        (decision_id IS NOT NULL AND allowed IS NOT DISTINCT FROM true AND reason_code IS NULL)),
    CONSTRAINT g4_a_decision_is_whole CHECK ((decision_id IS NULL) = (allowed IS NULL)
        AND (decision_id IS NULL) = (ruling IS NULL)
        AND (allowed IS NOT DISTINCT FROM false) = (reason_code IS NOT NULL)
        AND (decision_id IS NULL OR started_at IS NOT NULL OR outcome = 'blocked')),
    CONSTRAINT g6_only_unreadable_authority_fails_unstarted CHECK
        (outcome <> 'failed' OR started_at IS NOT NULL
         OR failure_code IS NOT DISTINCT FROM 'authority_unavailable'),
    CONSTRAINT failed_says_why CHECK (outcome <> 'failed' OR failure_code IS NOT NULL),
    CONSTRAINT cancelled_says_who CHECK (outcome <> 'cancelled' OR cancel_by IS NOT NULL)
);
CREATE UNIQUE INDEX run_states_unique_key ON countersign.run_states (unique_hold) WHERE unique_hold IS NOT NULL;
CREATE INDEX run_states_queued ON countersign.run_states (id) WHERE status = 'queued';
CREATE INDEX run_states_running ON countersign.run_states (lease_expires_at) WHERE status = 'running';
CREATE INDEX run_states_blocked ON countersign.run_states (reason_code, id) WHERE outcome = 'blocked';

CREATE TRIGGER run_states_begin_queued BEFORE INSERT ON countersign.run_states FOR EACH ROW
WHEN (NEW.status <> 'queued' OR NEW.undecided_since IS NOT NULL)
EXECUTE FUNCTION countersign.refuse('G3: a run begins queued');

CREATE TRIGGER run_states_move_forward AFTER UPDATE ON countersign.run_states FOR EACH ROW
WHEN (NEW.status < OLD.status OR NEW.id <> OLD.id OR NEW.workspace_id <> OLD.workspace_id)
EXECUTE FUNCTION countersign.refuse('G3: the status of a run only moves forward');

CREATE TRIGGER run_states_start_once AFTER UPDATE ON countersign.run_states FOR EACH ROW
WHEN (NEW.started_at IS DISTINCT FROM OLD.started_at
      AND NOT (OLD.started_at IS NULL AND OLD.status = 'queued' AND NEW.status = 'running'))
EXECUTE FUNCTION countersign.refuse('G3: a run starts once, by moving from queued to running');

CREATE TRIGGER run_states_keep_their_decision AFTER UPDATE ON countersign.run_states FOR EACH ROW
WHEN (OLD.decision_id IS NOT NULL
      AND (NEW.decision_id IS DISTINCT FROM OLD.decision_id OR NEW.ruling IS DISTINCT FROM OLD.ruling
           OR NEW.allowed IS DISTINCT FROM OLD.allowed OR NEW.reason_code IS DISTINCT FROM OLD.reason_code))
EXECUTE FUNCTION countersign.refuse('G4: the decision of a run is never replaced');

CREATE TRIGGER run_states_stay_completed AFTER UPDATE ON countersign.run_states FOR EACH ROW
WHEN (OLD.status = 'completed' AND NEW IS DISTINCT FROM OLD)
EXECUTE FUNCTION countersign.refuse('G3: a completed run never changes');

CREATE TRIGGER run_states_still_hold AFTER UPDATE ON countersign.run_states FOR EACH ROW
WHEN ((NEW.status <> 'completed' AND NEW.unique_hold IS DISTINCT FROM OLD.unique_hold)
      OR (OLD.status = 'running' AND NEW.status = 'running' AND NEW.lease_id IS DISTINCT FROM OLD.lease_id)
      OR (OLD.cancel_by IS NOT NULL AND NEW.cancel_by IS DISTINCT FROM OLD.cancel_by))
EXECUTE FUNCTION countersign.refuse('G7, G8: a lease, a cancel flag and a unique key are held to the end');

CREATE TRIGGER run_states_are_not_lost BEFORE DELETE ON countersign.run_states FOR EACH ROW
WHEN (OLD.status <> 'completed')
EXECUTE FUNCTION countersign.refuse('G5: an unfinished run is never deleted');

-- What became of a run goes with the run and not before it, or it would begin again.
CREATE FUNCTION countersign.keep_state() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM countersign.runs WHERE id = OLD.id) THEN
        RAISE EXCEPTION 'G3: what became of a run is deleted with the run'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER run_states_go_with_their_runs AFTER DELETE ON countersign.run_states
FOR EACH ROW EXECUTE FUNCTION countersign.keep_state();

CREATE TRIGGER run_states_are_not_emptied BEFORE TRUNCATE ON countersign.run_states
EXECUTE FUNCTION countersign.refuse('G5: an unfinished run is never deleted');

-- What was ruled: the records of the decisions under it, but for the ids of those decisions. A ruling is
-- written once for all runs of a batch that ask the same, so that a run keeps its decision in a few bytes.
CREATE TABLE countersign.rulings (
    seq            bigint  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    record         text    NOT NULL,
    max_attempts   integer NOT NULL CHECK (max_attempts > 0),
    allowed        boolean NOT NULL GENERATED ALWAYS AS ((record::jsonb ->> 'allowed')::boolean) STORED,
    reason_code    text             GENERATED ALWAYS AS (record::jsonb ->> 'reason_code') STORED,
    workspace_id   text             GENERATED ALWAYS AS (record::jsonb #>> '{target_scope,workspace_id}') STORED,
    tenant_id      text             GENERATED ALWAYS AS (record::jsonb #>> '{target_scope,tenant_id}') STORED,
    initiator      text             GENERATED ALWAYS AS (record::jsonb ->> 'initiator') STORED,
    authority_mode text             GENERATED ALWAYS AS (record::jsonb ->> 'authority_mode') STORED,
    operation_type text             GENERATED ALWAYS AS (record::jsonb ->> 'operation_type') STORED,
    provider_connection_id text
        GENERATED ALWAYS AS (record::jsonb #>> '{target_scope,provider_connection_id}') STORED,

    CONSTRAINT a_ruling_says_a_verdict CHECK (allowed = (reason_code IS NULL)),
    CONSTRAINT a_ruling_is_of_no_one_run CHECK
        (jsonb_typeof(record::jsonb -> 'decision_id') IS NOT DISTINCT FROM 'null')
);

CREATE TRIGGER rulings_are_kept BEFORE UPDATE ON countersign.rulings
FOR EACH ROW EXECUTE FUNCTION countersign.refuse('G4: what was ruled is never replaced');

CREATE TRIGGER rulings_are_not_emptied BEFORE TRUNCATE ON countersign.rulings
EXECUTE FUNCTION countersign.refuse('G4: the decision of a run is never deleted');

CREATE FUNCTION countersign.keep_rulings() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM gone JOIN countersign.run_states ON run_states.ruling = gone.seq) THEN
        RAISE EXCEPTION 'G4: the decision of a run is never deleted'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER rulings_are_not_lost AFTER DELETE ON countersign.rulings REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION countersign.keep_rulings();

-- What a run says of its decision is what was ruled, on what the run asks: the ruling must be there first.
-- Once a statement, for all its rows: a decision comes only with a start or a block, so that completions
-- are not looked at. A loop over two primary keys, whatever the statistics say.
CREATE FUNCTION countersign.hold_to_rulings() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    -- Held, so that none of them is deleted before this has committed and is seen by whoever deletes.
    PERFORM 1 FROM countersign.rulings
    WHERE seq = ANY (ARRAY(SELECT DISTINCT ruling FROM moved
                           WHERE moved.status = 'running' OR moved.outcome = 'blocked'))
    FOR KEY SHARE;
    IF EXISTS (
        SELECT 1 FROM moved
        JOIN countersign.runs ON runs.id = moved.id
        LEFT JOIN countersign.rulings ON rulings.seq = moved.ruling
         AND rulings.allowed = moved.allowed
         AND rulings.reason_code IS NOT DISTINCT FROM moved.reason_code
         AND rulings.workspace_id = runs.workspace_id
         AND rulings.tenant_id = runs.tenant_id
         AND rulings.initiator IS NOT DISTINCT FROM runs.initiator
         AND rulings.authority_mode = runs.authority_mode::text
         AND rulings.operation_type = runs.operation_type
         AND rulings.provider_connection_id IS NOT DISTINCT FROM runs.provider_connection_id
        WHERE (moved.status = 'running' OR moved.outcome = 'blocked') AND rulings.seq IS NULL
    ) THEN
        RAISE EXCEPTION 'G4: a run says of its decision what was ruled on it'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER run_states_have_their_decision AFTER UPDATE ON countersign.run_states
REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION countersign.hold_to_rulings();

-- Offices that one worker at a time holds.
CREATE TABLE countersign.offices (
    office     text COLLATE "C" NOT NULL PRIMARY KEY,
    holder     text             NOT NULL,
    expires_at timestamptz      NOT NULL
) WITH (fillfactor = 50);

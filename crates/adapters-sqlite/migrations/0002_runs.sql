-- The truth about every run. Times are microseconds since 1970, UTC; ids are hyphenated UUIDs.
-- The constraints hold G1, G3 and G4 against any writer, this adapter included. `IS` and NOT NULL
-- throughout, so that no constraint is dodged by NULL.
CREATE TABLE runs (
    seq                    INTEGER PRIMARY KEY AUTOINCREMENT,
    id                     TEXT    NOT NULL UNIQUE,
    workspace_id           TEXT    NOT NULL,
    tenant_id              TEXT    NOT NULL,
    initiator              TEXT,
    authority_mode         TEXT    NOT NULL CHECK (authority_mode IN ('actor_bound', 'system')),
    operation_type         TEXT    NOT NULL,
    provider_connection_id TEXT,
    status                 TEXT    NOT NULL CHECK (status IN ('queued', 'running', 'completed')),
    outcome                TEXT    NOT NULL CHECK (outcome IN
        ('pending', 'succeeded', 'partially_succeeded', 'failed', 'blocked', 'cancelled')),
    context                TEXT    NOT NULL,
    decision_id            TEXT,
    ruling                 INTEGER,
    allowed                INTEGER CHECK (allowed IS NULL OR allowed IN (0, 1)),
    reason_code            TEXT,
    continuity             TEXT,
    result                 TEXT,
    output                 TEXT,
    failure_code           TEXT    CHECK (failure_code IS NULL OR failure_code IN
        ('handler_failed', 'timeout', 'panicked', 'worker_lost', 'authority_unavailable')),
    failure_message        TEXT,
    cancel_by              TEXT,
    cancel_reason          TEXT,
    priority               INTEGER NOT NULL CHECK (priority BETWEEN -32768 AND 32767),
    unique_key             TEXT,
    chain_id               TEXT    NOT NULL,
    attempt                INTEGER NOT NULL CHECK (attempt > 0),
    retry_of               TEXT,
    requested_by           TEXT,
    queue_name             TEXT    NOT NULL,
    queued_at              INTEGER NOT NULL,
    due_at                 INTEGER NOT NULL,
    put_off_until          INTEGER NOT NULL DEFAULT 0,
    undecided_since        INTEGER,
    started_at             INTEGER,
    completed_at           INTEGER,
    lease_id               TEXT,
    lease_expires_at       INTEGER,

    CONSTRAINT completed_has_an_outcome CHECK ((status = 'completed') = (outcome <> 'pending')),
    CONSTRAINT completed_has_a_time CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
    CONSTRAINT queued_has_not_started CHECK (status <> 'queued' OR started_at IS NULL),
    CONSTRAINT running_has_a_lease CHECK (status <> 'running' OR
        (started_at IS NOT NULL AND lease_id IS NOT NULL AND lease_expires_at IS NOT NULL)),
    CONSTRAINT g1_blocked_never_started CHECK (outcome <> 'blocked' OR
        (started_at IS NULL AND lease_id IS NULL AND allowed IS 0 AND reason_code IS NOT NULL)),
    CONSTRAINT g1_work_has_started CHECK
        (outcome NOT IN ('succeeded', 'partially_succeeded') OR started_at IS NOT NULL),
    CONSTRAINT g4_a_start_has_its_allow CHECK (started_at IS NULL OR
        (decision_id IS NOT NULL AND allowed IS 1 AND reason_code IS NULL)),
    CONSTRAINT g4_a_decision_is_whole CHECK ((decision_id IS NULL) = (allowed IS NULL)
        AND (decision_id IS NULL) = (ruling IS NULL)
        AND (allowed IS NOT 0 OR reason_code IS NOT NULL) AND (allowed IS 0 OR reason_code IS NULL)),
    CONSTRAINT g6_only_unreadable_authority_fails_unstarted CHECK
        (outcome <> 'failed' OR started_at IS NOT NULL OR failure_code IS 'authority_unavailable'),
    CONSTRAINT failed_says_why CHECK (outcome <> 'failed' OR failure_code IS NOT NULL),
    CONSTRAINT cancelled_says_who CHECK (outcome <> 'cancelled' OR cancel_by IS NOT NULL),
    CONSTRAINT system_has_no_initiator CHECK (authority_mode <> 'system' OR initiator IS NULL)
) STRICT;

CREATE UNIQUE INDEX runs_unique_key ON runs (workspace_id, tenant_id, operation_type, unique_key)
    WHERE unique_key IS NOT NULL AND status <> 'completed';
CREATE UNIQUE INDEX runs_one_successor ON runs (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX runs_queued ON runs (id) WHERE status = 'queued';
CREATE INDEX runs_running ON runs (lease_expires_at) WHERE status = 'running';
CREATE INDEX runs_newest ON runs (queued_at, id);
CREATE INDEX runs_by_workspace ON runs (workspace_id, queued_at, id);
CREATE INDEX runs_by_ruling ON runs (ruling) WHERE ruling IS NOT NULL;
CREATE INDEX runs_blocked ON runs (reason_code, queued_at, id) WHERE outcome = 'blocked';

CREATE TRIGGER runs_move_forward BEFORE UPDATE OF status ON runs
WHEN (OLD.status = 'running' AND NEW.status = 'queued')
  OR (OLD.status = 'completed' AND NEW.status <> 'completed')
BEGIN SELECT RAISE(ABORT, 'G3: the status of a run only moves forward'); END;

CREATE TRIGGER runs_start_once BEFORE UPDATE OF started_at ON runs
WHEN NEW.started_at IS NOT OLD.started_at
 AND NOT (OLD.started_at IS NULL AND OLD.status = 'queued' AND NEW.status = 'running')
BEGIN SELECT RAISE(ABORT, 'G3: a run starts once, by moving from queued to running'); END;

-- What was ruled: the records of the decisions under it, but for the ids of those decisions. A ruling is
-- written once for all runs of a batch that ask the same, so that a run keeps its decision in a few bytes.
-- One whose runs had all left `queued` meanwhile stays unused.
CREATE TABLE rulings (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    record         TEXT    NOT NULL,
    max_attempts   INTEGER NOT NULL,
    lease_micros   INTEGER NOT NULL,
    allowed        INTEGER GENERATED ALWAYS AS (json_extract(record, '$.allowed')) STORED,
    reason_code    TEXT    GENERATED ALWAYS AS (json_extract(record, '$.reason_code')) STORED,
    workspace_id   TEXT    GENERATED ALWAYS AS (json_extract(record, '$.target_scope.workspace_id')) STORED,
    tenant_id      TEXT    GENERATED ALWAYS AS (json_extract(record, '$.target_scope.tenant_id')) STORED,
    initiator      TEXT    GENERATED ALWAYS AS (json_extract(record, '$.initiator')) STORED,
    authority_mode TEXT    GENERATED ALWAYS AS (json_extract(record, '$.authority_mode')) STORED,
    operation_type TEXT    GENERATED ALWAYS AS (json_extract(record, '$.operation_type')) STORED,
    provider_connection_id TEXT
        GENERATED ALWAYS AS (json_extract(record, '$.target_scope.provider_connection_id')) STORED,

    CONSTRAINT a_ruling_says_a_verdict CHECK
        ((allowed IS 1 AND reason_code IS NULL) OR (allowed IS 0 AND reason_code IS NOT NULL)),
    CONSTRAINT a_ruling_is_of_no_one_run CHECK (json_type(record, '$.decision_id') IS 'null')
) STRICT;

CREATE TRIGGER rulings_are_kept BEFORE UPDATE ON rulings
BEGIN SELECT RAISE(ABORT, 'G4: what was ruled is never replaced'); END;

CREATE TRIGGER rulings_are_not_lost BEFORE DELETE ON rulings
WHEN EXISTS (SELECT 1 FROM runs WHERE runs.ruling = OLD.seq)
BEGIN SELECT RAISE(ABORT, 'G4: the decision of a run is never deleted'); END;

CREATE TRIGGER rulings_are_not_replaced BEFORE INSERT ON rulings
WHEN EXISTS (SELECT 1 FROM rulings WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'G4: what was ruled is never replaced'); END;

-- What a run says of its decision is what was ruled, on what the run asks: the ruling must be there first.
CREATE TRIGGER runs_have_their_decision BEFORE UPDATE OF decision_id, ruling, allowed, reason_code ON runs
WHEN NOT EXISTS (SELECT 1 FROM rulings
                 WHERE seq = NEW.ruling AND allowed IS NEW.allowed AND reason_code IS NEW.reason_code
                   AND workspace_id IS NEW.workspace_id AND tenant_id IS NEW.tenant_id
                   AND initiator IS NEW.initiator AND authority_mode IS NEW.authority_mode
                   AND operation_type IS NEW.operation_type
                   AND provider_connection_id IS NEW.provider_connection_id)
BEGIN SELECT RAISE(ABORT, 'G4: a run says of its decision what was ruled on it'); END;

CREATE TRIGGER runs_keep_their_decision BEFORE UPDATE OF decision_id, ruling, allowed, reason_code ON runs
WHEN OLD.decision_id IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'G4: the decision of a run is never replaced'); END;

CREATE TRIGGER runs_begin_undecided BEFORE INSERT ON runs
WHEN NEW.decision_id IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM rulings
     WHERE seq = NEW.ruling AND allowed IS NEW.allowed AND reason_code IS NEW.reason_code
       AND workspace_id IS NEW.workspace_id AND tenant_id IS NEW.tenant_id
       AND initiator IS NEW.initiator AND authority_mode IS NEW.authority_mode
       AND operation_type IS NEW.operation_type
       AND provider_connection_id IS NEW.provider_connection_id)
BEGIN SELECT RAISE(ABORT, 'G4: a run says of its decision what was ruled on it'); END;

CREATE TRIGGER runs_stay_completed BEFORE UPDATE OF outcome, completed_at ON runs
WHEN OLD.status = 'completed'
 AND (NEW.outcome IS NOT OLD.outcome OR NEW.completed_at IS NOT OLD.completed_at)
BEGIN SELECT RAISE(ABORT, 'G3: a completed run never changes'); END;

-- An insert that replaces a row tells no delete trigger.
CREATE TRIGGER runs_are_not_replaced BEFORE INSERT ON runs
WHEN EXISTS (SELECT 1 FROM runs WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM runs WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'G3: a run is never replaced'); END;

-- Nor may one replace the holder of its unique key, or another successor. Such a row is left out, which
-- is what `ON CONFLICT DO NOTHING` asks for.
CREATE TRIGGER runs_keep_their_unique_key BEFORE INSERT ON runs
WHEN NEW.unique_key IS NOT NULL AND NEW.status <> 'completed' AND EXISTS
    (SELECT 1 FROM runs
     WHERE workspace_id = NEW.workspace_id AND tenant_id = NEW.tenant_id
       AND operation_type = NEW.operation_type AND unique_key = NEW.unique_key
       AND unique_key IS NOT NULL AND status <> 'completed')
BEGIN SELECT RAISE(IGNORE); END;

CREATE TRIGGER runs_have_one_successor BEFORE INSERT ON runs
WHEN NEW.retry_of IS NOT NULL AND EXISTS
    (SELECT 1 FROM runs WHERE retry_of = NEW.retry_of AND retry_of IS NOT NULL)
BEGIN SELECT RAISE(IGNORE); END;

-- What a run is and whom it is for was settled when it was queued: no statement names these columns.
CREATE TRIGGER runs_stay_what_they_are BEFORE UPDATE OF
    seq, id, workspace_id, tenant_id, initiator, authority_mode, operation_type,
    provider_connection_id, context, priority, unique_key, chain_id, attempt, retry_of, requested_by,
    queue_name, queued_at, due_at ON runs
BEGIN SELECT RAISE(ABORT, 'G8: what a run is and whom it is for never changes'); END;

CREATE TRIGGER runs_are_not_lost BEFORE DELETE ON runs
WHEN OLD.status <> 'completed'
BEGIN SELECT RAISE(ABORT, 'G5: an unfinished run is never deleted'); END;

-- Offices that one worker at a time holds.
CREATE TABLE offices (
    office     TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

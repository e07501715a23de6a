-- A hint which runs are due; rebuilt from `runs` by the sweeper where it is lost (G5).
-- An entry is ready, or waits for `visible_at`: scheduled, handed out, or put off.
CREATE TABLE queue (
    seq            INTEGER PRIMARY KEY,
    run_id         TEXT    NOT NULL UNIQUE,
    workspace_id   TEXT    NOT NULL,
    operation_type TEXT    NOT NULL,
    queue_name     TEXT    NOT NULL,
    priority       INTEGER NOT NULL,
    due_at         INTEGER NOT NULL,
    ready          INTEGER NOT NULL CHECK (ready IN (0, 1)),
    visible_at     INTEGER NOT NULL,
    deliveries     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX queue_ready ON queue (queue_name, operation_type, priority DESC, due_at, run_id)
    WHERE ready = 1;
CREATE INDEX queue_waiting ON queue (visible_at) WHERE ready = 0;

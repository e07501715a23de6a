-- A hint which runs are due; rebuilt from `runs` by the sweeper where it is lost (G5).
-- An entry is ready, or waits for `visible_at`: scheduled, or put off. A ready one that was handed out
-- is claimed for a while; `claimed_until` is in no index, so that handing out writes none.
CREATE TABLE countersign.queue (
    run_id         uuid             NOT NULL PRIMARY KEY,
    workspace_id   text COLLATE "C" NOT NULL,
    operation_type text COLLATE "C" NOT NULL,
    queue_name     text COLLATE "C" NOT NULL,
    priority       smallint         NOT NULL,
    due_at         timestamptz      NOT NULL,
    ready          boolean          NOT NULL,
    visible_at     timestamptz      NOT NULL,
    claimed_until  timestamptz      NOT NULL DEFAULT '-infinity',
    deliveries     bigint           NOT NULL DEFAULT 0
) WITH (
    -- Room for the version that a claim writes.
    fillfactor = 40,
    -- Every entry is soon dead: vacuum by their number, not by the size of the table, and do not dawdle.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000
);

CREATE INDEX queue_ready ON countersign.queue (queue_name, operation_type, priority DESC, due_at, run_id)
    WHERE ready;
CREATE INDEX queue_waiting ON countersign.queue (visible_at) WHERE NOT ready;

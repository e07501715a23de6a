DELETE FROM countersign.queue WHERE run_id = ANY ($1)

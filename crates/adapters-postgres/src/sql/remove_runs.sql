-- $1: runs, each of them completed. The rows of `run_states` go with them.
DELETE FROM countersign.runs WHERE id = ANY ($1)

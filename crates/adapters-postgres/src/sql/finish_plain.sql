-- One success that leaves nothing with the run a place:  $1: run  $2: workspace  $3: lease.
-- Where a cancel flag was raised first, it is none.
SELECT countersign.finish_plainly($1, $2, $3)

-- $1: the move
SELECT set_config('countersign.importing', $1, true)

-- $1: the store's id   One query a place:  $2: workspace  $3: tenant  $4: initiator, or null  $5: connection, or null
SELECT kind, place, words, at FROM countersign.look_up($1, $2, $3, $4, $5)

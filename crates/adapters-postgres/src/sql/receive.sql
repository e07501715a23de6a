-- $1: queue name  $2: operations  $3: at most this many  $4: for how long nobody else, in microseconds
-- $5: how many entries are made ready at the most
SELECT run, workspace, operation, delivery, precedence, due FROM countersign.receive($1, $2, $3, $4, $5)

-- Where this store stands in a move. One row, as JSON beside the two values that statements look at.
-- While it says `open` nothing looks at it: the guards of a closed store are made by the transaction that
-- closes it (`src/sql/close.sql`), under the one write lock.
CREATE TABLE home (
    one       INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    state     TEXT    NOT NULL CHECK (state IN ('open', 'sealed', 'filling', 'abandoned')),
    standing  TEXT    NOT NULL CHECK (json_extract(standing, '$.state') IS state),
    -- Set by a transaction that imports, and taken back by the same: no other ever sees it.
    importing INTEGER NOT NULL DEFAULT 0 CHECK (importing = 0 OR (importing = 1 AND state = 'filling'))
) STRICT;

INSERT INTO home (one, state, standing) VALUES (1, 'open', '{"state":"open","filled_by":null}');

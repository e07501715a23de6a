-- ?1: [[record, limit of attempts, length of the lease in microseconds], …], answered in that order.
INSERT INTO rulings (record, max_attempts, lease_micros)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) ORDER BY key
RETURNING seq

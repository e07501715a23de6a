-- $1: office  $2: who stands  $3: for how long, in microseconds
INSERT INTO countersign.offices (office, holder, expires_at)
VALUES ($1, $2, clock_timestamp() + $3 * interval '1 microsecond')
ON CONFLICT (office) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE offices.holder = excluded.holder OR offices.expires_at <= clock_timestamp()

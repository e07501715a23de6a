-- A grant creates an unknown user, and never re-activates a disabled one.
INSERT INTO users (id, active) VALUES (?1, 1) ON CONFLICT (id) DO NOTHING

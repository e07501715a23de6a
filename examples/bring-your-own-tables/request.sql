-- What the application does when ada asks for an export: one transaction, whatever language it is written in.
BEGIN;
INSERT INTO app.exports (team_id, account_id, run)
SELECT 1, 1, countersign.submit('{"workspace":"1","tenant":"1","user":"1","type":"export"}');
COMMIT;

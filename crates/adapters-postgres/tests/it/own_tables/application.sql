CREATE SCHEMA app;
CREATE TABLE app.teams (id integer PRIMARY KEY, archived boolean NOT NULL DEFAULT false);
CREATE TABLE app.accounts (name text PRIMARY KEY, enabled boolean NOT NULL DEFAULT true);
CREATE TABLE app.memberships (
    team    integer NOT NULL REFERENCES app.teams,
    account text    NOT NULL,
    role    text    NOT NULL
);
INSERT INTO app.teams VALUES (1), (2);
INSERT INTO app.accounts VALUES ('ada'), ('bob');
INSERT INTO app.memberships VALUES (1, 'ada', 'operator');

CREATE VIEW app.workspaces AS SELECT id::text AS id, NOT archived AS active FROM app.teams;
CREATE VIEW app.tenants AS
    SELECT 't' || id AS id, id::text AS workspace_id, 'active' AS lifecycle FROM app.teams;
CREATE VIEW app.users AS SELECT name AS id, enabled AS active FROM app.accounts;
CREATE VIEW app.grants AS
    SELECT account AS user_id, team::text AS workspace_id, NULL::text AS tenant_id, role,
           NULL::timestamptz AS expires_at
    FROM app.memberships;

SELECT countersign.read_from('workspaces', 'app.workspaces');
SELECT countersign.read_from('tenants', 'app.tenants');
SELECT countersign.read_from('users', 'app.users');
SELECT countersign.read_from('grants', 'app.grants');

SELECT countersign.watch('app.teams', 'SELECT ($1).id');
SELECT countersign.watch('app.memberships', 'SELECT ($1).team');
SELECT countersign.watch('app.accounts', 'SELECT m.team FROM app.memberships AS m WHERE m.account = ($1).name');

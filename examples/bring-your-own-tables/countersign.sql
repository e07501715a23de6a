-- What Countersign is told of it. A team is a workspace, and the one tenant in it.
-- A view tells nothing that changes without a write to a table: no clock, no session, no chance.

CREATE VIEW app.countersign_workspaces AS
    SELECT id, NOT closed AS active FROM app.teams;

CREATE VIEW app.countersign_tenants AS
    SELECT id, id AS workspace_id, CASE WHEN closed THEN 'archived' ELSE 'active' END AS lifecycle FROM app.teams;

CREATE VIEW app.countersign_users AS
    SELECT id, locked_at IS NULL AS active FROM app.accounts;

-- Without tenant: a grant that makes somebody a member of the workspace. Its role reaches all tenants, below.
CREATE VIEW app.countersign_grants AS
    SELECT account_id AS user_id, team_id AS workspace_id, NULL AS tenant_id, role, NULL AS expires_at
    FROM app.memberships;

SELECT countersign.read_from('workspaces', 'app.countersign_workspaces');
SELECT countersign.read_from('tenants', 'app.countersign_tenants');
SELECT countersign.read_from('users', 'app.countersign_users');
SELECT countersign.read_from('grants', 'app.countersign_grants');

-- For each table under those views: which workspaces does a row ($1) touch?
SELECT countersign.watch('app.teams', 'SELECT ($1).id');
SELECT countersign.watch('app.memberships', 'SELECT ($1).team_id');
SELECT countersign.watch('app.accounts',
    'SELECT m.team_id FROM app.memberships AS m WHERE m.account_id = ($1).id');

-- What roles may do stays with Countersign; so do connections, write gates and prerequisites.
SELECT countersign.apply_change(
    '{"change":"define_role","role":"owner","capabilities":["export.read","export.write"],"all_tenants":true}');
SELECT countersign.apply_change(
    '{"change":"define_role","role":"editor","capabilities":["export.read"],"all_tenants":true}');
SELECT countersign.apply_change(
    '{"change":"define_role","role":"reader","capabilities":[],"all_tenants":true}');

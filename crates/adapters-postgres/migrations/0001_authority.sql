-- Who may do what, and the fence around it. Ids compare byte for byte (collation "C"). Where a tenant may
-- be left out, null stands for none.

CREATE TYPE countersign.tenant_lifecycle AS ENUM ('onboarding', 'active', 'suspended', 'archived');

-- What guard triggers call: their one argument says what is refused.
CREATE FUNCTION countersign.refuse() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation',
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
END $$;

-- The schema marker. One row; a store without it is no store.
CREATE TABLE countersign.store (
    one        boolean     NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    id         uuid        NOT NULL,
    created_at timestamptz NOT NULL
);

-- One revision a workspace, replaced by every change that touches it. Room on each page for the next
-- versions of its rows, so that no index is written.
CREATE TABLE countersign.scopes (
    workspace_id text COLLATE "C" NOT NULL PRIMARY KEY,
    counter      bigint           NOT NULL CHECK (counter > 0),
    nonce        uuid             NOT NULL
) WITH (fillfactor = 50);

CREATE TRIGGER scopes_are_never_deleted BEFORE DELETE ON countersign.scopes
FOR EACH ROW EXECUTE FUNCTION countersign.refuse('G2: a scope record is never deleted');

CREATE TRIGGER scopes_are_never_emptied BEFORE TRUNCATE ON countersign.scopes
EXECUTE FUNCTION countersign.refuse('G2: a scope record is never deleted');

CREATE TRIGGER scopes_never_repeat BEFORE UPDATE ON countersign.scopes FOR EACH ROW
WHEN (NEW.workspace_id IS DISTINCT FROM OLD.workspace_id OR NEW.counter <= OLD.counter OR NEW.nonce = OLD.nonce)
EXECUTE FUNCTION countersign.refuse('G2: a revision only moves forward, with a nonce of its own');

-- 128 bits, drawn from two random UUIDs: one alone has 122.
CREATE FUNCTION countersign.fresh_nonce() RETURNS uuid LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 16), 'hex')::uuid
$$;

-- What a change locks before it looks for the scopes that depend on it (fence protocol, step 3): whatever
-- it names, whether or not there is a fact of it. Never deleted.
CREATE TYPE countersign.subject_kind AS ENUM ('role', 'user', 'tenant', 'connection');

CREATE TABLE countersign.subjects (
    kind countersign.subject_kind NOT NULL,
    id   text COLLATE "C"         NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE countersign.roles (
    role         text COLLATE "C" NOT NULL PRIMARY KEY,
    capabilities text[]           NOT NULL,
    all_tenants  boolean          NOT NULL
);

CREATE TABLE countersign.workspaces (
    id     text COLLATE "C" NOT NULL PRIMARY KEY,
    active boolean          NOT NULL
);

CREATE TABLE countersign.tenants (
    id           text COLLATE "C"             NOT NULL PRIMARY KEY,
    workspace_id text COLLATE "C"             NOT NULL,
    lifecycle    countersign.tenant_lifecycle NOT NULL
);
CREATE INDEX tenants_by_workspace ON countersign.tenants (workspace_id);

CREATE TABLE countersign.users (
    id     text COLLATE "C" NOT NULL PRIMARY KEY,
    active boolean          NOT NULL
);

CREATE TABLE countersign.grants (
    user_id      text COLLATE "C" NOT NULL,
    workspace_id text COLLATE "C" NOT NULL,
    tenant_id    text COLLATE "C",
    role         text COLLATE "C" NOT NULL,
    expires_at   timestamptz
);
CREATE UNIQUE INDEX grants_once ON countersign.grants
    (user_id, workspace_id, (coalesce(tenant_id, '')), role);
CREATE INDEX grants_by_role ON countersign.grants (role, workspace_id);
CREATE INDEX grants_by_workspace ON countersign.grants (workspace_id);

CREATE TABLE countersign.connections (
    id        text COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    enabled   boolean          NOT NULL
);
CREATE INDEX connections_by_tenant ON countersign.connections (tenant_id);

CREATE TABLE countersign.write_gates (
    workspace_id text COLLATE "C" NOT NULL,
    tenant_id    text COLLATE "C",
    open         boolean          NOT NULL,
    reason       text
);
CREATE UNIQUE INDEX write_gates_once ON countersign.write_gates (workspace_id, (coalesce(tenant_id, '')));

CREATE TABLE countersign.prerequisites (
    workspace_id text COLLATE "C" NOT NULL,
    tenant_id    text COLLATE "C",
    name         text COLLATE "C" NOT NULL,
    met          boolean          NOT NULL
);
CREATE UNIQUE INDEX prerequisites_once ON countersign.prerequisites
    (workspace_id, (coalesce(tenant_id, '')), name);

-- Every change as it was applied, in the commit that applied it.
CREATE TABLE countersign.authority_log (
    seq    bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL,
    actor  text,
    change jsonb       NOT NULL,
    raised jsonb       NOT NULL CHECK (jsonb_typeof(raised) = 'array')
);

CREATE TABLE countersign.authority_log_scopes (
    workspace_id text COLLATE "C" NOT NULL,
    seq          bigint           NOT NULL,
    PRIMARY KEY (workspace_id, seq)
);

CREATE TRIGGER authority_log_is_not_rewritten BEFORE UPDATE OR DELETE ON countersign.authority_log
FOR EACH ROW EXECUTE FUNCTION countersign.refuse('the authority log is only appended to');

CREATE TRIGGER authority_log_is_not_emptied BEFORE TRUNCATE ON countersign.authority_log
EXECUTE FUNCTION countersign.refuse('the authority log is only appended to');

CREATE TRIGGER authority_log_scopes_is_not_rewritten BEFORE UPDATE OR DELETE ON countersign.authority_log_scopes
FOR EACH ROW EXECUTE FUNCTION countersign.refuse('the authority log is only appended to');

CREATE TRIGGER authority_log_scopes_is_not_emptied BEFORE TRUNCATE ON countersign.authority_log_scopes
EXECUTE FUNCTION countersign.refuse('the authority log is only appended to');

-- What look-ups and changes read: one view a kind of fact. `countersign.read_from` puts a view of the
-- team's own in the place of one of them.
CREATE VIEW countersign.fact_roles AS
    SELECT role, capabilities, all_tenants FROM countersign.roles;
CREATE VIEW countersign.fact_workspaces AS
    SELECT id, active FROM countersign.workspaces;
CREATE VIEW countersign.fact_tenants AS
    SELECT id, workspace_id, lifecycle::text COLLATE "C" AS lifecycle FROM countersign.tenants;
CREATE VIEW countersign.fact_users AS
    SELECT id, active FROM countersign.users;
CREATE VIEW countersign.fact_grants AS
    SELECT user_id, workspace_id, tenant_id, role, expires_at FROM countersign.grants;
CREATE VIEW countersign.fact_connections AS
    SELECT id, tenant_id, enabled FROM countersign.connections;
CREATE VIEW countersign.fact_write_gates AS
    SELECT workspace_id, tenant_id, open, reason FROM countersign.write_gates;
CREATE VIEW countersign.fact_prerequisites AS
    SELECT workspace_id, tenant_id, name, met FROM countersign.prerequisites;

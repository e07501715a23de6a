-- Who may do what, and the fence around it. Ids compare byte for byte (SQLite's BINARY collation).
-- Where a tenant may be left out, the empty text stands for none: no id is empty.

-- The schema marker. One row; a store without it is no store.
CREATE TABLE store (
    one        INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id         TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- One revision a workspace, replaced by every change that touches it.
CREATE TABLE scopes (
    workspace_id TEXT    NOT NULL PRIMARY KEY,
    counter      INTEGER NOT NULL CHECK (counter > 0),
    nonce        TEXT    NOT NULL CHECK (length(nonce) = 32)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER scopes_are_never_deleted BEFORE DELETE ON scopes
BEGIN SELECT RAISE(ABORT, 'G2: a scope record is never deleted'); END;

-- An insert that replaces a row tells no delete trigger; the statements insert only what is missing.
CREATE TRIGGER scopes_are_never_replaced BEFORE INSERT ON scopes
WHEN EXISTS (SELECT 1 FROM scopes WHERE workspace_id = NEW.workspace_id)
BEGIN SELECT RAISE(ABORT, 'G2: a scope record is never replaced'); END;

CREATE TRIGGER scopes_never_repeat BEFORE UPDATE ON scopes
WHEN NEW.workspace_id IS NOT OLD.workspace_id OR NEW.counter <= OLD.counter OR NEW.nonce = OLD.nonce
BEGIN SELECT RAISE(ABORT, 'G2: a revision only moves forward, with a nonce of its own'); END;

CREATE TABLE roles (
    role         TEXT    NOT NULL PRIMARY KEY,
    capabilities TEXT    NOT NULL CHECK (json_type(capabilities) = 'array'),
    all_tenants  INTEGER NOT NULL CHECK (all_tenants IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE workspaces (
    id     TEXT    NOT NULL PRIMARY KEY,
    active INTEGER NOT NULL CHECK (active IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE tenants (
    id           TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    lifecycle    TEXT NOT NULL CHECK (lifecycle IN ('onboarding', 'active', 'suspended', 'archived'))
) STRICT, WITHOUT ROWID;
CREATE INDEX tenants_by_workspace ON tenants (workspace_id);

CREATE TABLE users (
    id     TEXT    NOT NULL PRIMARY KEY,
    active INTEGER NOT NULL CHECK (active IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    user_id      TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    tenant_id    TEXT NOT NULL,
    role         TEXT NOT NULL,
    expires_at   INTEGER,
    PRIMARY KEY (user_id, workspace_id, tenant_id, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_role ON grants (role, workspace_id);
CREATE INDEX grants_by_workspace ON grants (workspace_id);

CREATE TABLE connections (
    id        TEXT    NOT NULL PRIMARY KEY,
    tenant_id TEXT    NOT NULL,
    enabled   INTEGER NOT NULL CHECK (enabled IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX connections_by_tenant ON connections (tenant_id);

CREATE TABLE write_gates (
    workspace_id TEXT    NOT NULL,
    tenant_id    TEXT    NOT NULL,
    open         INTEGER NOT NULL CHECK (open IN (0, 1)),
    reason       TEXT,
    PRIMARY KEY (workspace_id, tenant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE prerequisites (
    workspace_id TEXT    NOT NULL,
    tenant_id    TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    met          INTEGER NOT NULL CHECK (met IN (0, 1)),
    PRIMARY KEY (workspace_id, tenant_id, name)
) STRICT, WITHOUT ROWID;

-- Every change as it was applied, in the commit that applied it.
CREATE TABLE authority_log (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    actor  TEXT,
    change TEXT    NOT NULL CHECK (json_valid(change)),
    raised TEXT    NOT NULL CHECK (json_type(raised) = 'array')
) STRICT;

CREATE TABLE authority_log_scopes (
    workspace_id TEXT    NOT NULL,
    seq          INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER authority_log_is_not_rewritten BEFORE UPDATE ON authority_log
BEGIN SELECT RAISE(ABORT, 'the authority log is only appended to'); END;
CREATE TRIGGER authority_log_is_not_shortened BEFORE DELETE ON authority_log
BEGIN SELECT RAISE(ABORT, 'the authority log is only appended to'); END;
CREATE TRIGGER authority_log_is_not_replaced BEFORE INSERT ON authority_log
WHEN EXISTS (SELECT 1 FROM authority_log WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the authority log is only appended to'); END;

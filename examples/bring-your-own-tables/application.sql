-- What the application has anyway: teams, accounts, memberships, and a log of what was exported.
CREATE SCHEMA app;

CREATE TABLE app.teams (
    id     bigint  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name   text    NOT NULL,
    closed boolean NOT NULL DEFAULT false
);

CREATE TABLE app.accounts (
    id        bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    email     text        NOT NULL UNIQUE,
    locked_at timestamptz
);

CREATE TABLE app.memberships (
    team_id    bigint NOT NULL REFERENCES app.teams ON DELETE CASCADE,
    account_id bigint NOT NULL REFERENCES app.accounts ON DELETE CASCADE,
    role       text   NOT NULL CHECK (role IN ('owner', 'editor', 'reader')),
    PRIMARY KEY (team_id, account_id)
);
-- What the gate looks for, and what a locked account touches.
CREATE INDEX memberships_by_account ON app.memberships (account_id, team_id);

CREATE TABLE app.exports (
    team_id    bigint NOT NULL REFERENCES app.teams,
    account_id bigint NOT NULL REFERENCES app.accounts,
    run        uuid   NOT NULL
);

INSERT INTO app.teams (name) VALUES ('Atlas'), ('Borealis');
INSERT INTO app.accounts (email) VALUES ('ada@example.org'), ('eve@example.org');
INSERT INTO app.memberships (team_id, account_id, role) VALUES (1, 1, 'editor'), (1, 2, 'reader'), (2, 2, 'owner');

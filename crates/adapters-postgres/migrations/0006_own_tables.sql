-- Bring your own tables: a kind of fact is read from a view of the team's, and the tables under it are
-- watched, so that every change of theirs raises the scopes that it touches, in its own commit.
--
-- What a row touches is looked for at the commit, by one transaction at a time: the team's transactions hold
-- no scope while they run, and of two that commit at once the second one sees what the first one did. So a
-- `set inactive` and a first membership elsewhere do not miss each other (fence protocol, step 3).

CREATE TABLE countersign.watches (
    -- What the triggers go by: it stays the same where the database is dumped and restored.
    id           integer  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    watched      regclass NOT NULL UNIQUE,
    scopes_query text     NOT NULL,
    -- Whether the query reads nothing but the row itself.
    direct       boolean  NOT NULL
);

-- The scopes that the transactions under way will raise at their commits; null for every scope. Written and
-- removed by the same transaction, and so never there for anybody else.
CREATE UNLOGGED TABLE countersign.pending_raises (
    transaction  xid8 NOT NULL DEFAULT pg_current_xact_id(),
    workspace_id text COLLATE "C"
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX pending_raises_by_transaction ON countersign.pending_raises (transaction);

-- One transaction at a time looks for scopes and commits.
CREATE FUNCTION countersign.take_turn() RETURNS void LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('turn', 'countersign.watches'::regclass::oid::bigint))
$$;

-- Runs at the commit, after everything else that was put off until then: raises what was found, in id order.
CREATE FUNCTION countersign.settle_raises() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named text[];
BEGIN
    WITH mine AS (
        DELETE FROM countersign.pending_raises WHERE transaction = pg_current_xact_id() RETURNING workspace_id
    )
    SELECT array_agg(DISTINCT workspace_id) INTO named FROM mine;
    IF named IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM countersign.take_turn();
    PERFORM countersign.commit_durably();
    IF array_position(named, NULL) IS NOT NULL THEN
        PERFORM countersign.require_fresh_snapshots();
        named := ARRAY(SELECT workspace_id FROM countersign.scopes);
    END IF;
    PERFORM 1 FROM countersign.raise_scopes(named);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER pending_raises_are_settled AFTER INSERT ON countersign.pending_raises
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION countersign.settle_raises();
ALTER TABLE countersign.pending_raises ENABLE ALWAYS TRIGGER pending_raises_are_settled;

-- Runs at the commit, for every row that was inserted, updated or deleted.
CREATE FUNCTION countersign.notice_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    watch countersign.watches;
    statement text;
BEGIN
    SELECT * INTO STRICT watch FROM countersign.watches WHERE id = TG_ARGV[0]::integer;
    IF NOT watch.direct THEN
        PERFORM countersign.require_fresh_snapshots();
    END IF;
    PERFORM countersign.take_turn();
    statement := format('INSERT INTO countersign.pending_raises (workspace_id)
        SELECT DISTINCT touched.scope::text FROM (%s) AS touched (scope)
        WHERE touched.scope IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM countersign.pending_raises AS known
             WHERE known.transaction = pg_current_xact_id() AND known.workspace_id = touched.scope::text)',
        watch.scopes_query);
    IF TG_OP <> 'INSERT' THEN
        EXECUTE statement USING OLD;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        EXECUTE statement USING NEW;
    END IF;
    RETURN NULL;
END $$;

-- Nobody knows which rows there were.
CREATE FUNCTION countersign.notice_truncate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO countersign.pending_raises (workspace_id) VALUES (NULL);
    RETURN NULL;
END $$;

-- Raises every scope: what any verdict rests on may be another one now.
CREATE FUNCTION countersign.raise_every_scope() RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM countersign.require_fresh_snapshots();
    PERFORM countersign.commit_durably();
    PERFORM countersign.take_turn();
    PERFORM 1 FROM countersign.raise_scopes(ARRAY(SELECT workspace_id FROM countersign.scopes));
END $$;

CREATE FUNCTION countersign.drop_watch_triggers("table" regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT tgname FROM pg_trigger
                WHERE tgrelid = "table" AND tgname IN ('countersign_watch', 'countersign_watch_truncate')
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', name, "table");
    END LOOP;
END $$;

-- Watches a table of the team's: `scopes_query` names the workspaces that a row ($1) touches, as one column.
--
--   SELECT countersign.watch('app.memberships', 'SELECT ($1).team_id');
--   SELECT countersign.watch('app.users', 'SELECT m.team_id FROM app.memberships AS m WHERE m.user_id = ($1).id');
--
-- It is asked about the old and the new row of every change. It reads the tables as they are at the commit.
CREATE FUNCTION countersign.watch("table" regclass, scopes_query text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind "char" := (SELECT relkind FROM pg_class WHERE oid = watch."table");
    number integer;
BEGIN
    IF kind NOT IN ('r', 'p') THEN
        RAISE EXCEPTION '`%` is no table, only tables can be watched', "table"
            USING ERRCODE = 'wrong_object_type';
    END IF;
    -- Says what is wrong with the query now, and not at the first change.
    BEGIN
        EXECUTE format('PREPARE countersign_watch (%s) AS SELECT touched.scope::text FROM (%s) AS touched (scope)',
            "table", scopes_query);
        EXECUTE 'DEALLOCATE countersign_watch';
    EXCEPTION WHEN OTHERS THEN
        RAISE EXCEPTION '`scopes_query` cannot be asked about a row of `%`: %', "table", sqlerrm
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'scopes_query';
    END;
    INSERT INTO countersign.watches (watched, scopes_query, direct)
    VALUES ("table", scopes_query, scopes_query ~* '^\s*select\s+\(\$1\)\.("[^"]+"|[a-z_][a-z0-9_]*)(::text)?\s*$')
    ON CONFLICT (watched) DO UPDATE
    SET scopes_query = excluded.scopes_query, direct = excluded.direct
    RETURNING id INTO number;
    PERFORM countersign.drop_watch_triggers("table");
    EXECUTE format('CREATE CONSTRAINT TRIGGER countersign_watch AFTER INSERT OR UPDATE OR DELETE ON %s
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION countersign.notice_row(%s)',
        "table", number);
    EXECUTE format('CREATE TRIGGER countersign_watch_truncate AFTER TRUNCATE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION countersign.notice_truncate()', "table");
    -- Also where changes are replayed, as by logical replication.
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER countersign_watch', "table");
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER countersign_watch_truncate', "table");
    -- What changed before this went unnoticed.
    PERFORM countersign.raise_every_scope();
END $$;

-- Stops watching a table.
CREATE FUNCTION countersign.unwatch("table" regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM countersign.drop_watch_triggers("table");
    DELETE FROM countersign.watches WHERE watched = unwatch."table";
    PERFORM countersign.raise_every_scope();
END $$;

-- The columns of each kind of fact.
CREATE FUNCTION countersign.fact_columns(fact text) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE fact
        WHEN 'roles' THEN 'role::text COLLATE "C" AS role, capabilities::text[] AS capabilities, all_tenants::boolean AS all_tenants'
        WHEN 'workspaces' THEN 'id::text COLLATE "C" AS id, active::boolean AS active'
        WHEN 'tenants' THEN 'id::text COLLATE "C" AS id, workspace_id::text COLLATE "C" AS workspace_id, lifecycle::text COLLATE "C" AS lifecycle'
        WHEN 'users' THEN 'id::text COLLATE "C" AS id, active::boolean AS active'
        WHEN 'grants' THEN 'user_id::text COLLATE "C" AS user_id, workspace_id::text COLLATE "C" AS workspace_id, tenant_id::text COLLATE "C" AS tenant_id, role::text COLLATE "C" AS role, expires_at::timestamptz AS expires_at'
        WHEN 'connections' THEN 'id::text COLLATE "C" AS id, tenant_id::text COLLATE "C" AS tenant_id, enabled::boolean AS enabled'
        WHEN 'write_gates' THEN 'workspace_id::text COLLATE "C" AS workspace_id, tenant_id::text COLLATE "C" AS tenant_id, open::boolean AS open, reason::text AS reason'
        WHEN 'prerequisites' THEN 'workspace_id::text COLLATE "C" AS workspace_id, tenant_id::text COLLATE "C" AS tenant_id, name::text COLLATE "C" AS name, met::boolean AS met'
    END
$$;

-- Reads a kind of fact from a view (or table) of the team's, or from our own table again where it is null.
--
--   SELECT countersign.read_from('grants', 'app.countersign_grants');
CREATE FUNCTION countersign.read_from(fact text, source regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    columns text := countersign.fact_columns(fact);
BEGIN
    IF columns IS NULL THEN
        RAISE EXCEPTION '`%` is not a kind of fact, expected one of `roles`, `workspaces`, `tenants`, `users`, `grants`, `connections`, `write_gates`, `prerequisites`', fact
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'fact';
    END IF;
    IF source IS NOT NULL AND (SELECT relkind FROM pg_class WHERE oid = source) NOT IN ('v', 'r', 'p') THEN
        RAISE EXCEPTION '`%` is neither a view nor a table: what it holds may be of another time', source
            USING ERRCODE = 'wrong_object_type', COLUMN = 'source';
    END IF;
    BEGIN
        EXECUTE format('CREATE OR REPLACE VIEW countersign.%I AS SELECT %s FROM %s',
            'fact_' || fact, columns, coalesce(source::text, format('countersign.%I', fact)));
    EXCEPTION WHEN undefined_column OR cannot_coerce THEN
        RAISE EXCEPTION '`%` cannot be read as %: %', source, fact, sqlerrm
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'source';
    END;
    DELETE FROM countersign.fact_sources WHERE fact_sources.fact = read_from.fact;
    IF source IS NOT NULL THEN
        INSERT INTO countersign.fact_sources (fact, source) VALUES (fact, source);
    END IF;
    PERFORM countersign.raise_every_scope();
END $$;

REVOKE ALL ON FUNCTION countersign.watch(regclass, text), countersign.unwatch(regclass),
    countersign.read_from(text, regclass), countersign.raise_every_scope() FROM PUBLIC;

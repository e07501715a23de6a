-- Changing authority: one place for everybody, the adapter and the applications that call it from SQL.

-- Where a fact is read from, if not from our own table.
CREATE TABLE countersign.fact_sources (
    fact   text COLLATE "C" NOT NULL PRIMARY KEY CHECK (fact IN
        ('roles', 'workspaces', 'tenants', 'users', 'grants', 'connections', 'write_gates', 'prerequisites')),
    source regclass         NOT NULL
);

CREATE FUNCTION countersign.require_own(wanted text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    theirs text := (SELECT source::text FROM countersign.fact_sources WHERE fact = wanted);
BEGIN
    IF theirs IS NOT NULL THEN
        RAISE EXCEPTION '% are read from `%`, change them there', wanted, theirs
            USING ERRCODE = 'object_not_in_prerequisite_state', TABLE = wanted;
    END IF;
END $$;

-- Waits for those who hold a subject are over when a lock is had, but an older snapshot would not show
-- what they did.
CREATE FUNCTION countersign.require_fresh_snapshots() RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'authority is changed under READ COMMITTED, this transaction is %',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'invalid_transaction_state',
            HINT = 'Begin the transaction with ISOLATION LEVEL READ COMMITTED: what depends on a change is found after locks were waited for, which an older snapshot would not show.';
    END IF;
END $$;

-- A commit that others rely on is durable before it is answered, whatever the server's default.
CREATE FUNCTION countersign.commit_durably() RETURNS void LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT set_config('synchronous_commit', 'on', true)
    WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
$$;

-- Locks one subject: alone to change it, together with others to refer to it.
CREATE FUNCTION countersign.lock_subject(wanted_kind countersign.subject_kind, wanted_id text, alone boolean)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOOP
        IF alone THEN
            PERFORM 1 FROM countersign.subjects WHERE kind = wanted_kind AND id = wanted_id FOR UPDATE;
        ELSE
            PERFORM 1 FROM countersign.subjects WHERE kind = wanted_kind AND id = wanted_id FOR SHARE;
        END IF;
        EXIT WHEN FOUND;
        INSERT INTO countersign.subjects (kind, id) VALUES (wanted_kind, wanted_id) ON CONFLICT DO NOTHING;
        -- One's own new row is locked as it is: nobody else sees it before the commit.
        EXIT WHEN FOUND;
    END LOOP;
END $$;

-- Fence protocol, step 3: the subjects that changes name, in the one order that everybody keeps.
CREATE FUNCTION countersign.lock_subjects(changes jsonb) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    subject record;
    locked text[];
BEGIN
    FOR subject IN
        WITH named AS (SELECT one, one ->> 'change' AS change FROM jsonb_array_elements(changes) AS one),
        subjects (kind, id, alone) AS (
            SELECT 'role'::countersign.subject_kind, one ->> 'role', change = 'define_role' FROM named
            UNION ALL
            SELECT 'user', one ->> 'user', change IN ('set_user', 'remove_user') FROM named
            UNION ALL
            SELECT 'tenant', one ->> 'tenant', change = 'set_tenant' FROM named
            UNION ALL
            SELECT 'tenant', known.tenant_id, false
            FROM named JOIN countersign.fact_connections AS known ON known.id = one ->> 'connection'
            UNION ALL
            SELECT 'connection', one ->> 'connection', true FROM named
        )
        SELECT kind, id COLLATE "C" AS id, bool_or(alone) AS alone
        FROM subjects WHERE id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
    LOOP
        PERFORM countersign.lock_subject(subject.kind, subject.id, subject.alone);
        IF subject.kind = 'tenant' THEN
            locked := locked || subject.id;
        END IF;
    END LOOP;
    -- A connection may have moved before it was locked; now it stays where it is.
    FOR subject IN
        SELECT DISTINCT known.tenant_id FROM jsonb_array_elements(changes) AS one
        JOIN countersign.fact_connections AS known ON known.id = one ->> 'connection'
        WHERE known.tenant_id <> ALL (coalesce(locked, '{}')) ORDER BY 1
    LOOP
        PERFORM countersign.lock_subject('tenant', subject.tenant_id, false);
    END LOOP;
END $$;

-- Makes one change, and answers with the scopes whose verdicts may depend on what it changed.
CREATE FUNCTION countersign.make_change(one jsonb) RETURNS text[] LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    workspace  text := one ->> 'workspace';
    tenant     text := one ->> 'tenant';
    who        text := one ->> 'user';
    role_name  text := one ->> 'role';
    connection text := one ->> 'connection';
    touched    text[] := ARRAY[workspace];
BEGIN
    CASE one ->> 'change'
    WHEN 'define_role' THEN
        PERFORM countersign.require_own('roles');
        INSERT INTO countersign.roles (role, capabilities, all_tenants)
        VALUES (role_name, ARRAY(SELECT jsonb_array_elements_text(one -> 'capabilities')),
                (one ->> 'all_tenants')::boolean)
        ON CONFLICT (role) DO UPDATE
        SET capabilities = excluded.capabilities, all_tenants = excluded.all_tenants;
        touched := ARRAY(SELECT DISTINCT workspace_id FROM countersign.fact_grants WHERE role = role_name);
    WHEN 'set_workspace' THEN
        PERFORM countersign.require_own('workspaces');
        INSERT INTO countersign.workspaces (id, active) VALUES (workspace, (one ->> 'active')::boolean)
        ON CONFLICT (id) DO UPDATE SET active = excluded.active;
    WHEN 'set_tenant' THEN
        PERFORM countersign.require_own('tenants');
        touched := touched || ARRAY(SELECT workspace_id FROM countersign.tenants WHERE id = tenant);
        INSERT INTO countersign.tenants (id, workspace_id, lifecycle)
        VALUES (tenant, workspace, (one ->> 'lifecycle')::countersign.tenant_lifecycle)
        ON CONFLICT (id) DO UPDATE
        SET workspace_id = excluded.workspace_id, lifecycle = excluded.lifecycle;
    WHEN 'set_user' THEN
        PERFORM countersign.require_own('users');
        INSERT INTO countersign.users (id, active) VALUES (who, (one ->> 'active')::boolean)
        ON CONFLICT (id) DO UPDATE SET active = excluded.active;
        touched := ARRAY(SELECT DISTINCT workspace_id FROM countersign.fact_grants WHERE user_id = who);
    WHEN 'remove_user' THEN
        PERFORM countersign.require_own('users');
        PERFORM countersign.require_own('grants');
        touched := ARRAY(SELECT DISTINCT workspace_id FROM countersign.grants WHERE user_id = who);
        DELETE FROM countersign.grants WHERE user_id = who;
        DELETE FROM countersign.users WHERE id = who;
    WHEN 'grant' THEN
        PERFORM countersign.require_own('grants');
        -- An unknown user is created; a disabled one stays disabled.
        IF NOT EXISTS (SELECT 1 FROM countersign.fact_sources WHERE fact = 'users') THEN
            INSERT INTO countersign.users (id, active) VALUES (who, true) ON CONFLICT DO NOTHING;
        END IF;
        INSERT INTO countersign.grants (user_id, workspace_id, tenant_id, role, expires_at)
        VALUES (who, workspace, tenant, role_name, (one ->> 'expires_at')::timestamptz)
        ON CONFLICT (user_id, workspace_id, (coalesce(tenant_id, '')), role) DO UPDATE
        SET expires_at = excluded.expires_at;
    WHEN 'revoke' THEN
        PERFORM countersign.require_own('grants');
        DELETE FROM countersign.grants
        WHERE user_id = who AND workspace_id = workspace AND role = role_name
          AND coalesce(tenant_id, '') = coalesce(tenant, '');
    WHEN 'set_connection' THEN
        PERFORM countersign.require_own('connections');
        touched := ARRAY(
            SELECT workspace_id FROM countersign.fact_tenants
            WHERE id = tenant
               OR id = (SELECT tenant_id FROM countersign.connections WHERE id = connection));
        INSERT INTO countersign.connections (id, tenant_id, enabled)
        VALUES (connection, tenant, (one ->> 'enabled')::boolean)
        ON CONFLICT (id) DO UPDATE SET tenant_id = excluded.tenant_id, enabled = excluded.enabled;
    WHEN 'set_write_gate' THEN
        PERFORM countersign.require_own('write_gates');
        INSERT INTO countersign.write_gates (workspace_id, tenant_id, open, reason)
        VALUES (workspace, tenant, (one ->> 'open')::boolean, one ->> 'reason')
        ON CONFLICT (workspace_id, (coalesce(tenant_id, ''))) DO UPDATE
        SET open = excluded.open, reason = excluded.reason;
    WHEN 'set_prerequisite' THEN
        PERFORM countersign.require_own('prerequisites');
        INSERT INTO countersign.prerequisites (workspace_id, tenant_id, name, met)
        VALUES (workspace, tenant, one ->> 'name', (one ->> 'met')::boolean)
        ON CONFLICT (workspace_id, (coalesce(tenant_id, '')), name) DO UPDATE SET met = excluded.met;
    END CASE;
    RETURN touched;
END $$;

-- Under which advisory lock a change that has to wait for starts in a scope says so.
CREATE FUNCTION countersign.announcement(workspace text) RETURNS bigint LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT hashtextextended(workspace, 'countersign.scopes'::regclass::oid::bigint)
$$;

-- The announcements that stand. Starts share a scope's row, and whoever shares may come in past one who waits
-- to have it alone: without this a storm of starts would keep a change out for ever.
CREATE FUNCTION countersign.announced() RETURNS SETOF bigint LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
$$;

-- Replaces the revisions of scopes, in id order, and makes the records that are missing.
CREATE FUNCTION countersign.raise_scopes(named text[])
RETURNS TABLE (workspace_id text, counter bigint, nonce uuid) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    one text;
    announced integer := 0;
BEGIN
    FOR one IN SELECT DISTINCT name COLLATE "C" FROM unnest(named) AS name WHERE name IS NOT NULL ORDER BY 1
    LOOP
        PERFORM 1 FROM countersign.scopes WHERE workspace_id = one FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND AND EXISTS (SELECT 1 FROM countersign.scopes WHERE workspace_id = one) THEN
            -- Held until the commit, as the row is. The server's table of locks has its limits.
            IF announced < 1000 THEN
                PERFORM pg_advisory_xact_lock_shared(countersign.announcement(one));
                announced := announced + 1;
            END IF;
        END IF;
        LOOP
            RETURN QUERY
                UPDATE countersign.scopes SET counter = counter + 1, nonce = countersign.fresh_nonce()
                WHERE workspace_id = one RETURNING workspace_id, counter, nonce;
            EXIT WHEN FOUND;
            RETURN QUERY
                INSERT INTO countersign.scopes (workspace_id, counter, nonce)
                VALUES (one, 1, countersign.fresh_nonce())
                ON CONFLICT DO NOTHING RETURNING workspace_id, counter, nonce;
            EXIT WHEN FOUND;
        END LOOP;
    END LOOP;
END $$;

-- Applies changes that were validated: facts, revisions and log in the caller's commit. The scopes of the
-- whole batch are raised together at its end, each once, so that two batches meet them in one order.
CREATE FUNCTION countersign.apply_validated(changes jsonb)
RETURNS TABLE (workspace_id text, counter bigint, nonce uuid) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    one jsonb;
    touched text[] := '{}';
    revisions jsonb;
    applied_at timestamptz;
BEGIN
    PERFORM countersign.require_fresh_snapshots();
    PERFORM countersign.commit_durably();
    PERFORM countersign.lock_subjects(changes);
    FOR one IN SELECT value FROM jsonb_array_elements(changes) WITH ORDINALITY AS c (value, place) ORDER BY place
    LOOP
        -- An array for each, as text: an array of arrays would have to be rectangular.
        touched := array_append(touched, array_to_json(countersign.make_change(one))::text);
    END LOOP;
    SELECT coalesce(jsonb_object_agg(r.workspace_id, r.counter || '-' || replace(r.nonce::text, '-', '')), '{}')
    INTO revisions
    FROM countersign.raise_scopes(ARRAY(
        SELECT DISTINCT scope FROM unnest(touched) AS t, json_array_elements_text(t::json) AS scope)) AS r;
    applied_at := clock_timestamp();
    WITH made AS (
        SELECT change.value AS change, change.place,
               ARRAY(SELECT DISTINCT scope COLLATE "C"
                     FROM json_array_elements_text(touched[change.place]::json) AS scope ORDER BY 1) AS scopes
        FROM jsonb_array_elements(changes) WITH ORDINALITY AS change (value, place)
    ), logged AS (
        INSERT INTO countersign.authority_log (at, actor, change, raised)
        SELECT applied_at, change ->> 'by', change - 'by' - 'at',
               (SELECT coalesce(jsonb_agg(jsonb_build_object('workspace', scope, 'revision', revisions ->> scope)
                                          ORDER BY place), '[]')
                FROM unnest(made.scopes) WITH ORDINALITY AS s (scope, place))
        FROM made ORDER BY place
        RETURNING seq, raised
    )
    INSERT INTO countersign.authority_log_scopes (workspace_id, seq)
    SELECT one ->> 'workspace', seq FROM logged, jsonb_array_elements(raised) AS one;
    RETURN QUERY
        SELECT s.workspace_id, s.counter, s.nonce FROM countersign.scopes AS s
        WHERE s.workspace_id = ANY (ARRAY(SELECT jsonb_object_keys(revisions))) ORDER BY s.workspace_id;
END $$;

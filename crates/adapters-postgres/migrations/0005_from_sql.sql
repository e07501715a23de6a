-- For applications in other languages: submitting runs and changing authority from SQL, in transactions of
-- their own, with the JSON, the checks and the complaints of the command line. A complaint names the key it
-- is about as the error's column.
--
-- Whoever may execute these functions may name any initiator and change any authority: grant it by name.

CREATE FUNCTION countersign.complain(field text, problem text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', problem USING ERRCODE = 'invalid_parameter_value', COLUMN = coalesce(field, '');
END $$;

-- What was found where something else was expected.
CREATE FUNCTION countersign.described(found jsonb) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE jsonb_typeof(found)
        WHEN 'string' THEN 'string ' || found::text
        WHEN 'boolean' THEN 'boolean `' || found::text || '`'
        WHEN 'array' THEN 'sequence'
        WHEN 'object' THEN 'map'
        WHEN 'null' THEN 'null'
        ELSE CASE WHEN found::text ~ '^-?[0-9]+$' THEN 'integer `' ELSE 'floating point `' END || found::text || '`'
    END
$$;

CREATE FUNCTION countersign.expect(object jsonb, field text, kind text, expected text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(object -> field) <> kind THEN
        PERFORM countersign.complain(field, format('`%s`: invalid type: %s, expected %s',
            field, countersign.described(object -> field), expected));
    END IF;
END $$;

CREATE FUNCTION countersign.is_there(object jsonb, field text, required boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(object -> field) IS DISTINCT FROM 'null' AND object ? field THEN
        RETURN true;
    END IF;
    IF required THEN
        PERFORM countersign.complain(field, format('`%s` is missing', field));
    END IF;
    RETURN false;
END $$;

-- An id: 1 to 128 bytes without control characters.
CREATE FUNCTION countersign.check_id(field text, what text, id text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    control text := substring(id FROM '[\u0001-\u001f\u007f-\u009f]');
BEGIN
    IF id = '' THEN
        PERFORM countersign.complain(field, format('`%s`: %s is empty, expected 1 to 128 bytes of text', field, what));
    ELSIF octet_length(id) > 128 THEN
        PERFORM countersign.complain(field, format('`%s`: %s is %s bytes long, expected at most 128',
            field, what, octet_length(id)));
    ELSIF control IS NOT NULL THEN
        PERFORM countersign.complain(field, format('`%s`: %s has the control character U+%s at byte %s, expected none',
            field, what, lpad(upper(to_hex(ascii(control))), 4, '0'),
            octet_length(left(id, position(control IN id) - 1))));
    END IF;
END $$;

CREATE FUNCTION countersign.read_id(object jsonb, field text, what text, required boolean) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT countersign.is_there(object, field, required) THEN
        RETURN NULL;
    END IF;
    PERFORM countersign.expect(object, field, 'string', 'a ' || what);
    PERFORM countersign.check_id(field, what, object ->> field);
    RETURN object ->> field;
END $$;

CREATE FUNCTION countersign.read_boolean(object jsonb, field text, required boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT countersign.is_there(object, field, required) THEN
        RETURN NULL;
    END IF;
    PERFORM countersign.expect(object, field, 'boolean', 'a boolean');
    RETURN (object ->> field)::boolean;
END $$;

-- RFC 3339 between 1970 and 9999; what is finer than a microsecond is cut off.
CREATE FUNCTION countersign.read_time(object jsonb, field text) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' AS $$
DECLARE
    read timestamptz;
BEGIN
    IF NOT countersign.is_there(object, field, false) THEN
        RETURN NULL;
    END IF;
    PERFORM countersign.expect(object, field, 'string', 'a string');
    IF object ->> field ~ '^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}([.,]\d{1,9})?([Zz]|[+-]\d{2}(:?\d{2})?)$' THEN
        BEGIN
            read := replace(regexp_replace(object ->> field, '([.,]\d{6})\d+', '\1'), ',', '.')::timestamptz;
        EXCEPTION WHEN data_exception THEN
            read := NULL;
        END;
    END IF;
    IF read IS NULL OR read < '1970-01-01 00:00:00Z' OR read > '9999-12-30 22:00:00Z' THEN
        PERFORM countersign.complain(field, format('`%s`: `%s` is not a time, expected RFC 3339 such as `2026-03-01T12:00:00Z`',
            field, left(object ->> field, 48)));
    END IF;
    RETURN read;
END $$;

CREATE FUNCTION countersign.expect_object(object jsonb) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(object) IS DISTINCT FROM 'object' THEN
        PERFORM countersign.complain(NULL, format('invalid type: %s, expected a JSON object',
            coalesce(countersign.described(object), 'null')));
    END IF;
END $$;

-- Refuses the first key that nobody asked for.
CREATE FUNCTION countersign.expect_no_other(object jsonb, known text[]) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other text := (SELECT key FROM jsonb_object_keys(object) AS key
                   WHERE key <> ALL (known) ORDER BY key COLLATE "C" LIMIT 1);
BEGIN
    IF other IS NOT NULL THEN
        PERFORM countersign.complain(other, format('`%s` is not a key here, expected `%s`',
            left(other, 48), array_to_string(known, '`, `')));
    END IF;
END $$;

-- A change as `apply_validated` takes it.
CREATE FUNCTION countersign.validated_change(change jsonb) RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind text;
    known text[] := '{change}';
    field text;
    capability jsonb;
    validated jsonb := change;
BEGIN
    PERFORM countersign.expect_object(change);
    PERFORM countersign.is_there(change, 'change', true);
    PERFORM countersign.expect(change, 'change', 'string', 'a string');
    kind := change ->> 'change';
    known := known || CASE kind
        WHEN 'define_role' THEN '{role,capabilities,all_tenants}'
        WHEN 'set_workspace' THEN '{workspace,active}'
        WHEN 'set_tenant' THEN '{tenant,workspace,lifecycle}'
        WHEN 'set_user' THEN '{user,active}'
        WHEN 'remove_user' THEN '{user}'
        WHEN 'grant' THEN '{user,workspace,tenant,role,expires_at}'
        WHEN 'revoke' THEN '{user,workspace,tenant,role}'
        WHEN 'set_connection' THEN '{connection,tenant,enabled}'
        WHEN 'set_write_gate' THEN '{workspace,tenant,open,reason}'
        WHEN 'set_prerequisite' THEN '{workspace,tenant,name,met}'
    END::text[];
    IF known = '{change}' OR known IS NULL THEN
        PERFORM countersign.complain('change', format('`%s` is not a change, expected one of `define_role`, `set_workspace`, `set_tenant`, `set_user`, `remove_user`, `grant`, `revoke`, `set_connection`, `set_write_gate`, `set_prerequisite`',
            left(kind, 48)));
    END IF;
    FOREACH field IN ARRAY known[2:] LOOP
        CASE
        WHEN field = 'role' THEN
            PERFORM countersign.read_id(change, field, 'role', true);
        WHEN field = 'name' THEN
            PERFORM countersign.read_id(change, field, 'prerequisite', true);
        WHEN field IN ('user', 'workspace', 'connection') THEN
            PERFORM countersign.read_id(change, field, field || ' id', true);
        WHEN field = 'tenant' THEN
            PERFORM countersign.read_id(change, field, 'tenant id', kind IN ('set_tenant', 'set_connection'));
        WHEN field IN ('all_tenants', 'active', 'enabled', 'open', 'met') THEN
            PERFORM countersign.read_boolean(change, field, true);
        WHEN field = 'capabilities' THEN
            PERFORM countersign.is_there(change, field, true);
            PERFORM countersign.expect(change, field, 'array', 'a sequence');
            FOR capability IN SELECT jsonb_array_elements(change -> field) LOOP
                IF jsonb_typeof(capability) <> 'string' THEN
                    PERFORM countersign.complain(field, format('`%s`: invalid type: %s, expected a capability',
                        field, countersign.described(capability)));
                END IF;
                PERFORM countersign.check_id(field, 'capability', capability #>> '{}');
            END LOOP;
            validated := jsonb_set(validated, ARRAY[field], coalesce(
                (SELECT jsonb_agg(DISTINCT one) FROM jsonb_array_elements(change -> field) AS one), '[]'));
            IF jsonb_array_length(validated -> field) > 1024 THEN
                PERFORM countersign.complain(field, format('`%s`: %s of them, expected at most 1024',
                    field, jsonb_array_length(validated -> field)));
            END IF;
        WHEN field = 'lifecycle' THEN
            PERFORM countersign.is_there(change, field, true);
            IF jsonb_typeof(change -> field) <> 'string' THEN
                PERFORM countersign.complain(field, '`lifecycle`: expected value');
            END IF;
            IF change ->> field NOT IN ('onboarding', 'active', 'suspended', 'archived') THEN
                PERFORM countersign.complain(field, format('`lifecycle`: unknown variant `%s`, expected one of `onboarding`, `active`, `suspended`, `archived`',
                    change ->> field));
            END IF;
        WHEN field = 'expires_at' THEN
            validated := jsonb_set(validated, ARRAY[field],
                coalesce(to_jsonb(to_char(countersign.read_time(change, field) AT TIME ZONE 'UTC',
                                          'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')), 'null'));
        WHEN field = 'reason' THEN
            IF countersign.is_there(change, field, false) THEN
                PERFORM countersign.expect(change, field, 'string', 'a string');
                IF octet_length(change ->> field) > 1024 THEN
                    PERFORM countersign.complain(field, format('`reason`: %s bytes, expected at most 1024',
                        octet_length(change ->> field)));
                END IF;
            END IF;
        END CASE;
    END LOOP;
    PERFORM countersign.read_id(change, 'by', 'actor name', false);
    PERFORM countersign.expect_no_other(change, known || '{by,at}'::text[]);
    RETURN validated - 'at';
END $$;

-- Applies one change, as `countersign authority apply` does, in the caller's transaction.
CREATE FUNCTION countersign.apply_change(change jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM countersign.apply_validated(jsonb_build_array(countersign.validated_change(change)));
END $$;

-- JSON in the one spelling that is kept: no white space, keys sorted by their bytes.
CREATE FUNCTION countersign.canonical(value jsonb, depth integer DEFAULT 64) RETURNS text LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(value) IN ('object', 'array') AND depth = 0 THEN
        RAISE EXCEPTION 'nested deeper than 64 levels' USING ERRCODE = 'program_limit_exceeded';
    END IF;
    RETURN CASE jsonb_typeof(value)
        WHEN 'object' THEN '{' || coalesce((
            SELECT string_agg(to_json(key)::text || ':' || countersign.canonical(member, depth - 1), ','
                              ORDER BY key COLLATE "C")
            FROM jsonb_each(value) AS e (key, member)), '') || '}'
        WHEN 'array' THEN '[' || coalesce((
            SELECT string_agg(countersign.canonical(item, depth - 1), ',' ORDER BY place)
            FROM jsonb_array_elements(value) WITH ORDINALITY AS i (item, place)), '') || ']'
        ELSE value::text
    END;
END $$;

CREATE FUNCTION countersign.read_context(object jsonb) RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reserved text;
    context text;
BEGIN
    IF NOT countersign.is_there(object, 'context', false) THEN
        RETURN '{}';
    END IF;
    IF jsonb_typeof(object -> 'context') <> 'object' THEN
        PERFORM countersign.complain('context', '`context`: expected a JSON object');
    END IF;
    FOREACH reserved IN ARRAY '{execution_legitimacy,blocked_by,reason_code,continuity}'::text[] LOOP
        IF object -> 'context' ? reserved THEN
            PERFORM countersign.complain('context', format('`context`: key `%s` is reserved for the record', reserved));
        END IF;
    END LOOP;
    BEGIN
        context := countersign.canonical(object -> 'context');
    EXCEPTION WHEN program_limit_exceeded THEN
        PERFORM countersign.complain('context', '`context`: ' || sqlerrm);
    END;
    IF octet_length(context) > 1048576 THEN
        PERFORM countersign.complain('context', format('`context`: %s bytes of JSON, expected at most 1048576',
            octet_length(context)));
    END IF;
    RETURN context;
END $$;

CREATE FUNCTION countersign.read_run_id(object jsonb) RETURNS uuid LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id uuid;
BEGIN
    IF NOT countersign.is_there(object, 'id', false) THEN
        RETURN NULL;
    END IF;
    PERFORM countersign.expect(object, 'id', 'string', 'a run id');
    BEGIN
        id := (object ->> 'id')::uuid;
    EXCEPTION WHEN data_exception THEN
        PERFORM countersign.complain('id', format('`id`: run id `%s` is not a UUID', left(object ->> 'id', 48)));
    END;
    IF substr(id::text, 15, 1) <> '7' OR substr(id::text, 20, 1) NOT IN ('8', '9', 'a', 'b') THEN
        PERFORM countersign.complain('id', format('`id`: run id `%s` is not a UUID of version 7', id));
    END IF;
    RETURN id;
END $$;

-- A UUID of version 7: milliseconds, then chance.
CREATE FUNCTION countersign.fresh_run_id() RETURNS uuid LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid())
                PLACING substr(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 3) FROM 1 FOR 6),
        52, 1), 53, 1), 'hex')::uuid
$$;

-- Queues one run, as a line of `countersign submit --file` does, in the caller's transaction; answers with
-- its id, or with that of the unfinished run that holds its unique key.
CREATE FUNCTION countersign.submit(run jsonb) RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    initiator  text;
    system     boolean;
    wanted     uuid;
    workspace  text;
    tenant     text;
    operation  text;
    connection text;
    context    text;
    due        timestamptz;
    priority   smallint := 0;
    unique_key text;
    queue_name text;
    now        timestamptz := clock_timestamp();
    hold       text;
    known      countersign.runs;
    holder     uuid;
BEGIN
    PERFORM countersign.expect_object(run);
    initiator := countersign.read_id(run, 'user', 'user id', false);
    system := coalesce(countersign.read_boolean(run, 'system', false), false);
    IF initiator IS NOT NULL AND system THEN
        PERFORM countersign.complain('system', 'both `user` and `system`, expected one');
    ELSIF initiator IS NULL AND NOT system THEN
        PERFORM countersign.complain('user', '`user` is missing, or `"system": true`');
    END IF;
    wanted := countersign.read_run_id(run);
    workspace := countersign.read_id(run, 'workspace', 'workspace id', true);
    tenant := countersign.read_id(run, 'tenant', 'tenant id', true);
    operation := countersign.read_id(run, 'type', 'operation type', true);
    connection := countersign.read_id(run, 'connection', 'connection id', false);
    context := countersign.read_context(run);
    due := coalesce(countersign.read_time(run, 'at'), now);
    IF countersign.is_there(run, 'priority', false) THEN
        PERFORM countersign.expect(run, 'priority', 'number', 'i16');
        IF run ->> 'priority' !~ '^-?[0-9]+$' THEN
            PERFORM countersign.complain('priority', format('`priority`: invalid type: %s, expected i16',
                countersign.described(run -> 'priority')));
        ELSIF (run ->> 'priority')::numeric NOT BETWEEN -32768 AND 32767 THEN
            PERFORM countersign.complain('priority', format('`priority`: invalid value: %s, expected i16',
                countersign.described(run -> 'priority')));
        END IF;
        priority := (run ->> 'priority')::smallint;
    END IF;
    unique_key := countersign.read_id(run, 'unique', 'unique key', false);
    queue_name := coalesce(countersign.read_id(run, 'queue_name', 'queue name', false), 'default');
    PERFORM countersign.expect_no_other(run,
        '{user,system,id,workspace,tenant,type,connection,context,at,priority,unique,queue_name}');

    hold := workspace || E'\n' || tenant || E'\n' || operation || E'\n' || unique_key;
    wanted := coalesce(wanted, countersign.fresh_run_id());
    LOOP
        WITH queued AS (
            INSERT INTO countersign.run_states (id, workspace_id, unique_hold) VALUES (wanted, workspace, hold)
            ON CONFLICT DO NOTHING RETURNING id
        ), entered AS (
            INSERT INTO countersign.queue
                (run_id, workspace_id, operation_type, queue_name, priority, due_at, ready, visible_at)
            SELECT id, workspace, operation, queue_name, priority, due, due <= now, due FROM queued
            ON CONFLICT DO NOTHING
        )
        INSERT INTO countersign.runs
            (id, workspace_id, tenant_id, initiator, authority_mode, operation_type, provider_connection_id,
             context, priority, unique_key, queue_name, queued_at, due_at, chain_id, attempt)
        SELECT id, workspace, tenant, initiator,
               CASE WHEN system THEN 'system' ELSE 'actor_bound' END::countersign.authority_mode,
               operation, connection, context, priority, unique_key, queue_name,
               now, due, id, 1
        FROM queued;
        IF FOUND THEN
            PERFORM pg_notify((SELECT relnamespace::regnamespace::text FROM pg_class
                               WHERE oid = 'countersign.runs'::regclass) || '_queue', '');
            RETURN wanted;
        END IF;
        SELECT * INTO known FROM countersign.runs WHERE id = wanted;
        IF FOUND THEN
            IF (known.workspace_id, known.tenant_id, known.operation_type, known.authority_mode = 'system')
               IS DISTINCT FROM (workspace, tenant, operation, system)
               OR known.initiator IS DISTINCT FROM initiator
               OR known.provider_connection_id IS DISTINCT FROM connection THEN
                RAISE EXCEPTION 'the id `%` belongs to another run', wanted
                    USING ERRCODE = 'unique_violation', COLUMN = 'id';
            END IF;
            RETURN wanted;
        END IF;
        SELECT id INTO holder FROM countersign.run_states WHERE unique_hold = hold;
        IF FOUND THEN
            RETURN holder;
        END IF;
        -- The holder was completed in between: now the key is free.
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION countersign.submit(jsonb), countersign.apply_change(jsonb),
    countersign.apply_validated(jsonb) FROM PUBLIC;

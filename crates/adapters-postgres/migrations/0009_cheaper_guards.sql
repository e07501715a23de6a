-- What became of a run belongs to a run, and goes with it. A foreign key looks for the run of each row and locks it, which
-- writes that row once more. These guards look at all rows of a statement together.
ALTER TABLE countersign.run_states DROP CONSTRAINT run_states_id_fkey;

-- Loops over primary keys, whatever the statistics say.
CREATE FUNCTION countersign.hold_to_runs() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM made
        LEFT JOIN countersign.runs ON runs.id = made.id AND runs.workspace_id = made.workspace_id
        WHERE runs.id IS NULL
    ) THEN
        RAISE EXCEPTION 'G8: what becomes of a run is kept with that run'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER run_states_belong_to_runs AFTER INSERT ON countersign.run_states
REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION countersign.hold_to_runs();

CREATE FUNCTION countersign.remove_states() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    DELETE FROM countersign.run_states WHERE id = ANY (ARRAY(SELECT id FROM gone));
    RETURN NULL;
END $$;

CREATE TRIGGER runs_take_their_states AFTER DELETE ON countersign.runs
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION countersign.remove_states();

-- What a ruling says is read from its record once, and not once for each column and constraint: where every run asks
-- something else, there is a ruling for each. Nobody else writes these columns, and nothing changes them later.
ALTER TABLE countersign.rulings
    ALTER COLUMN allowed DROP EXPRESSION,
    ALTER COLUMN reason_code DROP EXPRESSION,
    ALTER COLUMN workspace_id DROP EXPRESSION,
    ALTER COLUMN tenant_id DROP EXPRESSION,
    ALTER COLUMN initiator DROP EXPRESSION,
    ALTER COLUMN authority_mode DROP EXPRESSION,
    ALTER COLUMN operation_type DROP EXPRESSION,
    ALTER COLUMN provider_connection_id DROP EXPRESSION,
    DROP CONSTRAINT a_ruling_is_of_no_one_run;

CREATE FUNCTION countersign.read_ruling() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ruled CONSTANT jsonb := NEW.record::jsonb;
    upon CONSTANT jsonb := ruled -> 'target_scope';
BEGIN
    NEW.allowed := (ruled ->> 'allowed')::boolean;
    NEW.reason_code := ruled ->> 'reason_code';
    NEW.workspace_id := upon ->> 'workspace_id';
    NEW.tenant_id := upon ->> 'tenant_id';
    NEW.initiator := ruled ->> 'initiator';
    NEW.authority_mode := ruled ->> 'authority_mode';
    NEW.operation_type := ruled ->> 'operation_type';
    NEW.provider_connection_id := upon ->> 'provider_connection_id';
    IF NEW.allowed IS NOT NULL AND jsonb_typeof(ruled -> 'decision_id') IS DISTINCT FROM 'null' THEN
        RAISE EXCEPTION 'G4: a ruling is of no one run'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER rulings_say_what_their_record_says BEFORE INSERT ON countersign.rulings
FOR EACH ROW EXECUTE FUNCTION countersign.read_ruling();

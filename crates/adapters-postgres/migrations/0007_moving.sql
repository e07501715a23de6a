-- Where this store stands in a move, and what holds everybody to it.
CREATE TABLE countersign.home (
    one      boolean NOT NULL PRIMARY KEY DEFAULT true,
    state    text    NOT NULL,
    move_id  uuid,
    -- What whoever is refused is told.
    refusal  text,
    standing text    NOT NULL,

    CONSTRAINT a_store_stands_in_one_place CHECK (one),
    CONSTRAINT a_store_stands_somewhere CHECK (state IN ('open', 'sealed', 'filling', 'abandoned')),
    CONSTRAINT a_closed_store_says_why CHECK
        ((move_id IS NULL) = (state = 'open') AND (refusal IS NULL) = (state = 'open')),
    CONSTRAINT a_standing_is_told_whole CHECK (standing::jsonb ->> 'state' IS NOT DISTINCT FROM state)
);

INSERT INTO countersign.home (state, standing) VALUES ('open', '{"state":"open","filled_by":null}');

-- Whether the store lets this transaction do what only an open store lets anybody do: it is open after all, as
-- somebody switched on triggers that were off; or this transaction imports, says so in a setting of its own, and
-- the store is being filled by that very move. The row is locked, not looked at: a snapshot from before the store
-- was closed is no excuse, and such a transaction has to be begun again.
CREATE FUNCTION countersign.lets_in() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here countersign.home;
BEGIN
    SELECT * INTO STRICT here FROM countersign.home FOR SHARE;
    RETURN here.state = 'open'
        OR (here.state = 'filling' AND here.move_id::text = current_setting('countersign.importing', true));
END $$;

CREATE FUNCTION countersign.refuse_as_closed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF countersign.lets_in() IS NOT TRUE THEN
        RAISE EXCEPTION '%', (SELECT refusal FROM countersign.home)
            USING ERRCODE = 'CS001', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;

-- The automatic successor of a run that ends is queued by the transaction that completes it.
CREATE FUNCTION countersign.refuse_as_closed_unless_successor() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM countersign.runs AS r
        JOIN countersign.run_states AS ended ON ended.id = r.retry_of
        WHERE r.id = NEW.id AND r.requested_by IS NULL AND ended.status = 'completed'
          AND ended.started_at IS NOT NULL AND ended.xmin = pg_current_xact_id()::xid
    ) AND countersign.lets_in() IS NOT TRUE THEN
        RAISE EXCEPTION '%', (SELECT refusal FROM countersign.home)
            USING ERRCODE = 'CS001', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;

-- The guards of a store that is not open. They are switched off until then, so that an open store pays nothing
-- for them. Switching them on (`src/sql/close.sql`) waits for every transaction that writes to these tables, and
-- every later one finds them on, whatever its snapshot.
CREATE TRIGGER closed_runs_are_not_queued AFTER INSERT ON countersign.run_states
FOR EACH ROW EXECUTE FUNCTION countersign.refuse_as_closed_unless_successor();

CREATE TRIGGER closed_runs_stay_queued AFTER UPDATE ON countersign.run_states
FOR EACH ROW WHEN (OLD.status = 'queued') EXECUTE FUNCTION countersign.refuse_as_closed();

CREATE TRIGGER closed_runs_are_not_deleted AFTER DELETE ON countersign.run_states
FOR EACH ROW EXECUTE FUNCTION countersign.refuse_as_closed();

CREATE TRIGGER closed_scopes_are_not_raised AFTER INSERT OR UPDATE ON countersign.scopes
FOR EACH ROW EXECUTE FUNCTION countersign.refuse_as_closed();

CREATE TRIGGER closed_authority_is_not_changed AFTER INSERT ON countersign.authority_log
FOR EACH ROW EXECUTE FUNCTION countersign.refuse_as_closed();

ALTER TABLE countersign.run_states
    DISABLE TRIGGER closed_runs_are_not_queued,
    DISABLE TRIGGER closed_runs_stay_queued,
    DISABLE TRIGGER closed_runs_are_not_deleted;
ALTER TABLE countersign.scopes DISABLE TRIGGER closed_scopes_are_not_raised;
ALTER TABLE countersign.authority_log DISABLE TRIGGER closed_authority_is_not_changed;

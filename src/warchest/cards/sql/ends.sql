-- How far a batch was gone through only goes on.

CREATE FUNCTION cards_keep_walk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.batch_id <> OLD.batch_id OR NEW.next_number < OLD.next_number OR OLD.done_at IS NOT NULL THEN
        RAISE EXCEPTION 'what was gone through is never gone through again' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE ON cards_expirywalk FOR EACH ROW EXECUTE FUNCTION cards_keep_walk();
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_expirywalk
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_expirywalk
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON cards_expirywalk FROM warchest_journey;
GRANT UPDATE (next_number, done_at) ON cards_expirywalk TO warchest_journey;

-- What the database itself guarantees of how the house has set payments up.

-- A rule is never changed: it is ended, once or earlier than it would have, and another takes its place.
CREATE FUNCTION payments_guard_house_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a rule of the house is never deleted' USING ERRCODE = 'WC001';
    END IF;
    IF (NEW.id, NEW.kind, NEW.name, NEW.terms, NEW.valid_from, NEW.made_at, NEW.made_by)
       IS DISTINCT FROM
       (OLD.id, OLD.kind, OLD.name, OLD.terms, OLD.valid_from, OLD.made_at, OLD.made_by)
       OR NEW.valid_until IS NULL OR NEW.valid_until > OLD.valid_until THEN
        RAISE EXCEPTION 'a rule of the house is never changed, it ends' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON payments_houserule
    FOR EACH ROW EXECUTE FUNCTION payments_guard_house_rule();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON payments_houserule
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON payments_houserule FROM warchest_journey;
GRANT UPDATE (valid_until, ended_by) ON payments_houserule TO warchest_journey;

-- A netting statement says for ever what it said, and goes only forward: drawn up, agreed or disputed, booked.
CREATE FUNCTION accounting_keep_netting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.cluster, NEW.currency, NEW.until, NEW.payable_minor, NEW.receivable_minor, NEW.drawn_up_by,
        NEW.drawn_up_at, NEW.recorded_at)
       IS DISTINCT FROM (OLD.id, OLD.cluster, OLD.currency, OLD.until, OLD.payable_minor, OLD.receivable_minor,
        OLD.drawn_up_by, OLD.drawn_up_at, OLD.recorded_at)
       OR (OLD.state, NEW.state) NOT IN (('drawn_up', 'agreed'), ('drawn_up', 'disputed'), ('agreed', 'booked')) THEN
        RAISE EXCEPTION 'a netting statement keeps its figures, and is answered and booked once' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON accounting_nettingstatement
    FOR EACH ROW EXECUTE FUNCTION accounting_keep_netting();
CREATE TRIGGER never_deleted BEFORE DELETE ON accounting_nettingstatement
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON accounting_nettingstatement
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

REVOKE DELETE, TRUNCATE ON accounting_nettingstatement FROM warchest_journey;

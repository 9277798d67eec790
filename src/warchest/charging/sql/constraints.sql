-- What the database itself guarantees of wallets and lots, whoever writes to them.

-- What a lot began with is never changed; what is left of it only shrinks.
CREATE FUNCTION charging_keep_lot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.wallet_id, NEW.source, NEW.reference, NEW.issued_minor, NEW.consideration_minor, NEW.currency,
        NEW.refundable, NEW.transferable, NEW.payable_out, NEW.expires_at, NEW.opened_at)
       IS DISTINCT FROM
       (OLD.id, OLD.wallet_id, OLD.source, OLD.reference, OLD.issued_minor, OLD.consideration_minor, OLD.currency,
        OLD.refundable, OLD.transferable, OLD.payable_out, OLD.expires_at, OLD.opened_at) THEN
        RAISE EXCEPTION 'what a lot began with is never changed' USING ERRCODE = 'WC001';
    END IF;
    IF NEW.units_left_minor > OLD.units_left_minor OR NEW.consideration_left_minor > OLD.consideration_left_minor THEN
        RAISE EXCEPTION 'what was taken from a lot is not put back' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON charging_lot FOR EACH ROW EXECUTE FUNCTION charging_keep_lot();

CREATE TRIGGER never_deleted BEFORE DELETE ON charging_lot
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON charging_lot
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

REVOKE UPDATE, DELETE, TRUNCATE ON charging_lot, charging_wallet FROM warchest_journey;
GRANT UPDATE (units_left_minor, consideration_left_minor) ON charging_lot TO warchest_journey;
GRANT UPDATE (state) ON charging_wallet TO warchest_journey;

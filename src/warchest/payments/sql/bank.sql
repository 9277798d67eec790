-- What the database itself guarantees of bank statements, their entries and payouts, whoever writes to them.

-- What the bank said stays as it is. Whose the money was is said once, and only forward.
CREATE FUNCTION payments_guard_bank_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.statement_id, NEW.iban, NEW.statement_name, NEW.reference, NEW.digest, NEW.amount_minor,
        NEW.currency, NEW.incoming, NEW.booked_on, NEW.creditor_reference, NEW.end_to_end_id, NEW.reversal, NEW.sealed)
       IS DISTINCT FROM
       (OLD.id, OLD.statement_id, OLD.iban, OLD.statement_name, OLD.reference, OLD.digest, OLD.amount_minor,
        OLD.currency, OLD.incoming, OLD.booked_on, OLD.creditor_reference, OLD.end_to_end_id, OLD.reversal, OLD.sealed) THEN
        RAISE EXCEPTION 'what the bank said is never changed' USING ERRCODE = 'WC001';
    END IF;
    IF OLD.state IN ('matched', 'resolved') THEN
        RAISE EXCEPTION 'a settled entry of the bank stays settled' USING ERRCODE = 'WC001';
    END IF;
    IF (OLD.state, NEW.state) NOT IN (
        ('new', 'new'), ('new', 'waiting'), ('new', 'matched'), ('new', 'resolved'),
        ('waiting', 'waiting'), ('waiting', 'matched'), ('waiting', 'resolved')) THEN
        RAISE EXCEPTION 'an entry of the bank does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE ON payments_bankentry
    FOR EACH ROW EXECUTE FUNCTION payments_guard_bank_entry();

-- What was wanted of a payout stays; it goes into one file, and is done once.
CREATE FUNCTION payments_guard_payout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.provider, NEW.purpose, NEW.reference, NEW.amount_minor, NEW.currency, NEW.sealed, NEW.wanted_at)
       IS DISTINCT FROM
       (OLD.id, OLD.provider, OLD.purpose, OLD.reference, OLD.amount_minor, OLD.currency, OLD.sealed, OLD.wanted_at)
       OR (OLD.file_id IS NOT NULL AND NEW.file_id IS DISTINCT FROM OLD.file_id)
       OR (OLD.done_at IS NOT NULL AND NEW.done_at IS DISTINCT FROM OLD.done_at) THEN
        RAISE EXCEPTION 'what was wanted of a payout is never changed' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard BEFORE UPDATE ON payments_payout
    FOR EACH ROW EXECUTE FUNCTION payments_guard_payout();

CREATE TRIGGER never_deleted BEFORE DELETE ON payments_bankentry
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payments_bankentry
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON payments_payout
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payments_payout
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

REVOKE UPDATE, DELETE, TRUNCATE ON payments_bankentry, payments_payout FROM warchest_journey;
GRANT UPDATE (state, reason, resolution, payment_id, payout_id, journal_entry, note, settled_by, settled_at)
    ON payments_bankentry TO warchest_journey;
GRANT UPDATE (file_id, done_at) ON payments_payout TO warchest_journey;

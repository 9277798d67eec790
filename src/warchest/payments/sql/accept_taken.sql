-- What was asked of a payment is changed once at most: under review, to what its provider really took, and what was asked stays to
-- be seen. All else is as before.
CREATE OR REPLACE FUNCTION payments_guard_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a payment is never deleted' USING ERRCODE = 'WC001';
    END IF;
    IF (NEW.id, NEW.player, NEW.opened_at) IS DISTINCT FROM (OLD.id, OLD.player, OLD.opened_at) THEN
        RAISE EXCEPTION 'what was asked of a payment is never changed' USING ERRCODE = 'WC001';
    END IF;
    IF (NEW.amount_minor, NEW.currency, NEW.units_minor, NEW.units_per_major, NEW.asked_minor, NEW.asked_currency)
       IS DISTINCT FROM
       (OLD.amount_minor, OLD.currency, OLD.units_minor, OLD.units_per_major, OLD.asked_minor, OLD.asked_currency)
       AND NOT (OLD.status = 'review' AND NEW.status = 'review' AND OLD.asked_minor IS NULL
                AND NEW.asked_minor IS NOT DISTINCT FROM OLD.amount_minor AND NEW.asked_currency = OLD.currency
                AND NEW.amount_minor IS NOT DISTINCT FROM NEW.taken_minor AND NEW.currency = NEW.taken_currency) THEN
        RAISE EXCEPTION 'what was asked of a payment is never changed' USING ERRCODE = 'WC001';
    END IF;
    IF OLD.credited_at IS NOT NULL AND (NEW.credited_at, NEW.journal_entry, NEW.lot)
       IS DISTINCT FROM (OLD.credited_at, OLD.journal_entry, OLD.lot) THEN
        RAISE EXCEPTION 'a credited payment stays credited' USING ERRCODE = 'WC001';
    END IF;
    IF NEW.status <> OLD.status AND NOT payments_may_step(OLD.status, NEW.status) THEN
        RAISE EXCEPTION 'a payment cannot go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_step';
    END IF;
    RETURN NEW;
END $$;

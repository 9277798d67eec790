-- What the database itself guarantees of payments, whoever writes to them.

-- The steps that a payment may take; rules.TRANSITIONS is the same table, and a test compares the two.
CREATE FUNCTION payments_may_step(old_status text, new_status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM (VALUES
            ('created', '{pending,unknown,review,succeeded,failed,cancelled}'::text[]),
            ('pending', '{review,succeeded,failed,cancelled}'),
            ('unknown', '{pending,review,succeeded,failed,cancelled}'),
            ('review', '{succeeded,failed,cancelled}'),
            ('failed', '{succeeded,review}'),
            ('cancelled', '{succeeded,review}'),
            ('succeeded', '{partially_refunded,refunded,disputed}'),
            ('partially_refunded', '{refunded,disputed}'),
            ('refunded', '{disputed}'),
            ('disputed', '{succeeded,partially_refunded,refunded}')
        ) AS step(leaves, reaches)
        WHERE leaves = old_status AND new_status = ANY (reaches))
$$;

-- What was asked is written once; what was credited stays credited; the status takes allowed steps only.
CREATE FUNCTION payments_guard_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a payment is never deleted' USING ERRCODE = 'WC001';
    END IF;
    IF (NEW.id, NEW.player, NEW.amount_minor, NEW.currency, NEW.units_minor, NEW.units_per_major, NEW.opened_at)
       IS DISTINCT FROM
       (OLD.id, OLD.player, OLD.amount_minor, OLD.currency, OLD.units_minor, OLD.units_per_major, OLD.opened_at) THEN
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

CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON payments_payment
    FOR EACH ROW EXECUTE FUNCTION payments_guard_payment();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON payments_payment
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

-- A payment begins at the beginning: nobody inserts one that is paid already.
CREATE FUNCTION payments_guard_new_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'created' THEN
        RAISE EXCEPTION 'a payment begins as created, not %', NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_step';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER begin_created BEFORE INSERT ON payments_payment
    FOR EACH ROW EXECUTE FUNCTION payments_guard_new_payment();

REVOKE DELETE, TRUNCATE ON payments_payment, payments_attempt, payments_receivednotice FROM warchest_journey;

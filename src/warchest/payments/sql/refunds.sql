-- Further attempts, and money that goes back.

-- As before, and a failed payment begins again with a further attempt; rules.TRANSITIONS is the same table.
CREATE OR REPLACE FUNCTION payments_may_step(old_status text, new_status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM (VALUES
            ('created', '{pending,unknown,review,succeeded,failed,cancelled}'::text[]),
            ('pending', '{review,succeeded,failed,cancelled}'),
            ('unknown', '{pending,review,succeeded,failed,cancelled}'),
            ('review', '{succeeded,failed,cancelled}'),
            ('failed', '{succeeded,review,created}'),
            ('cancelled', '{succeeded,review,created}'),
            ('succeeded', '{partially_refunded,refunded,disputed}'),
            ('partially_refunded', '{refunded,disputed}'),
            ('refunded', '{disputed}'),
            ('disputed', '{succeeded,partially_refunded,refunded}')
        ) AS step(leaves, reaches)
        WHERE leaves = old_status AND new_status = ANY (reaches))
$$;

-- Who takes it may change with an attempt, until it is credited; what was told of it otherwise stays as it was told.
DROP TRIGGER keep_told ON payments_payment;
CREATE TRIGGER keep_told BEFORE UPDATE ON payments_payment
    FOR EACH ROW WHEN ((NEW.return_url, NEW.language, NEW.country)
                       IS DISTINCT FROM (OLD.return_url, OLD.language, OLD.country)
                       OR NEW.provider <> OLD.provider AND NEW.attempt = OLD.attempt
                       OR OLD.credited_at IS NOT NULL AND (NEW.provider, NEW.attempt, NEW.set_off_minor)
                          IS DISTINCT FROM (OLD.provider, OLD.attempt, OLD.set_off_minor))
    EXECUTE FUNCTION payments_keep_told();
GRANT UPDATE (standing, provider_reference, instrument, kept) ON payments_attempt TO warchest_journey;

-- What went back stays so: a confirmed refund, and a refusal, are for ever; what was asked for never changes.
CREATE FUNCTION payments_keep_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.decided_at IS NOT NULL
       OR (NEW.id, NEW.payment_id, NEW.attempt, NEW.kind, NEW.amount_minor, NEW.currency, NEW.reason, NEW.asked_by,
           NEW.asked_at)
          IS DISTINCT FROM
          (OLD.id, OLD.payment_id, OLD.attempt, OLD.kind, OLD.amount_minor, OLD.currency, OLD.reason, OLD.asked_by,
           OLD.asked_at) THEN
        RAISE EXCEPTION 'a refund is decided once, and what was asked for never changes' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON payments_refund
    FOR EACH ROW EXECUTE FUNCTION payments_keep_refund();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payments_refund
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payments_dispute
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
REVOKE DELETE, TRUNCATE ON payments_refund, payments_dispute FROM warchest_journey;

-- What a player saved stays the player's and the provider's; only its state, and what is known of the card, moves on.
CREATE FUNCTION payments_keep_method() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.player, NEW.provider, NEW.payer, NEW.token_hash)
       IS DISTINCT FROM (OLD.id, OLD.player, OLD.provider, OLD.payer, OLD.token_hash) THEN
        RAISE EXCEPTION 'a saved method stays whose it is' USING ERRCODE = 'WC001';
    END IF;
    IF OLD.state <> 'usable' AND NEW.state = 'usable' AND NEW.consent_id = OLD.consent_id THEN
        RAISE EXCEPTION 'what was forgotten is not charged again unless the player agrees anew' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON payments_savedmethod
    FOR EACH ROW EXECUTE FUNCTION payments_keep_method();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payments_savedmethod
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

-- What of a month's cap is taken, or may be: all but what failed for certain. What a person accepted instead counts as taken.
CREATE FUNCTION payments_month_used(of_order uuid, of_month date, of_currency text) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(CASE WHEN payment.currency = run.currency THEN payment.amount_minor
                             ELSE run.amount_minor END), 0)::bigint
      FROM payments_autorun AS run
      JOIN payments_payment AS payment ON payment.id = run.payment_id
     WHERE run.order_id = of_order AND run.month = of_month AND run.currency = of_currency
       AND payment.status NOT IN ('failed', 'cancelled')
$$;

-- Whoever begins a run waits for who began one before, and counts it: no month takes more than its cap.
CREATE FUNCTION payments_guard_auto_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ordered payments_autotopup;
BEGIN
    SELECT * INTO ordered FROM payments_autotopup WHERE player = NEW.order_id FOR UPDATE;
    IF NOT ordered.enabled OR ordered.paused_at IS NOT NULL THEN
        RAISE EXCEPTION 'nothing is charged that the player has not ordered' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'auto_run_ordered';
    END IF;
    IF NEW.currency <> ordered.currency
       OR payments_month_used(NEW.order_id, NEW.month, NEW.currency) + NEW.amount_minor > ordered.cap_minor THEN
        RAISE EXCEPTION 'beyond the cap of the month' USING ERRCODE = 'check_violation', CONSTRAINT = 'auto_run_cap';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_new BEFORE INSERT ON payments_autorun
    FOR EACH ROW EXECUTE FUNCTION payments_guard_auto_run();

-- A run is closed once, and only when its payment has ended.
CREATE FUNCTION payments_keep_auto_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL
       OR (NEW.id, NEW.order_id, NEW.payment_id, NEW.amount_minor, NEW.currency, NEW.month, NEW.occasion, NEW.begun_at)
          IS DISTINCT FROM
          (OLD.id, OLD.order_id, OLD.payment_id, OLD.amount_minor, OLD.currency, OLD.month, OLD.occasion, OLD.begun_at)
    THEN
        RAISE EXCEPTION 'what a run has opened never changes' USING ERRCODE = 'WC001';
    END IF;
    IF NEW.closed_at IS NOT NULL AND EXISTS (
        SELECT FROM payments_payment
         WHERE id = NEW.payment_id AND status IN ('created', 'pending', 'unknown', 'review')) THEN
        RAISE EXCEPTION 'nobody knows yet how its payment ends' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'auto_run_ended';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON payments_autorun
    FOR EACH ROW EXECUTE FUNCTION payments_keep_auto_run();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payments_autorun
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

-- What a payment is for is decided once.
CREATE FUNCTION payments_keep_purpose() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'waiting'
       OR (NEW.payment_id, NEW.kind, NEW.asked) IS DISTINCT FROM (OLD.payment_id, OLD.kind, OLD.asked) THEN
        RAISE EXCEPTION 'what a payment is for is decided once' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON payments_purpose
    FOR EACH ROW EXECUTE FUNCTION payments_keep_purpose();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payments_purpose
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

REVOKE DELETE, TRUNCATE ON payments_savedmethod, payments_autotopup, payments_autorun, payments_purpose
    FROM warchest_journey;

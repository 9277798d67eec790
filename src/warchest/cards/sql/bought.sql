-- What the database itself guarantees of virtual cards that players bought or that were sold at the desk.

-- Who bought which card for what stays; what was given back stays so.
CREATE FUNCTION cards_keep_bought() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.serial, NEW.batch_id, NEW.buyer_id, NEW.units_minor, NEW.paid_minor, NEW.tax_minor, NEW.currency,
        NEW.entry_id, NEW.bought_at, NEW.cancel_until)
       IS DISTINCT FROM
       (OLD.id, OLD.serial, OLD.batch_id, OLD.buyer_id, OLD.units_minor, OLD.paid_minor, OLD.tax_minor, OLD.currency,
        OLD.entry_id, OLD.bought_at, OLD.cancel_until)
       OR NEW.shown < OLD.shown
       OR (OLD.cancelled_at IS NOT NULL AND NEW.cancelled_at IS DISTINCT FROM OLD.cancelled_at)
       OR (OLD.mailed_at IS NOT NULL AND NEW.mailed_at IS DISTINCT FROM OLD.mailed_at) THEN
        RAISE EXCEPTION 'what was bought is never changed' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON cards_boughtcard FOR EACH ROW EXECUTE FUNCTION cards_keep_bought();
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_boughtcard
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_boughtcard
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

-- What a gift said that was forgotten comes back never, and one that was stopped is not sent.
CREATE FUNCTION cards_keep_gift() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.bought_id <> OLD.bought_id OR NEW.language <> OLD.language OR NEW.sends < OLD.sends
       OR (OLD.sealed IS NULL AND NEW.sealed IS NOT NULL)
       OR (OLD.state = 'stopped' AND NEW.state <> 'stopped')
       OR (OLD.state = 'delivered' AND NEW.state NOT IN ('delivered', 'bounced')) THEN
        RAISE EXCEPTION 'what became of a gift is never changed' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON cards_cardgift FOR EACH ROW EXECUTE FUNCTION cards_keep_gift();
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_cardgift
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_cardgift
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

-- Codes are shown once; what was taken back stays so.
CREATE FUNCTION cards_keep_desk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.batch_id, NEW.clerk_id, NEW.quantity, NEW.note, NEW.issued_at)
       IS DISTINCT FROM (OLD.id, OLD.batch_id, OLD.clerk_id, OLD.quantity, OLD.note, OLD.issued_at)
       OR (OLD.shown_at IS NOT NULL AND NEW.shown_at IS DISTINCT FROM OLD.shown_at)
       OR (OLD.taken_back_at IS NOT NULL AND NEW.taken_back_at IS DISTINCT FROM OLD.taken_back_at) THEN
        RAISE EXCEPTION 'what was issued at the desk is never changed' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON cards_deskissue FOR EACH ROW EXECUTE FUNCTION cards_keep_desk();
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_deskissue
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_deskissue
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

REVOKE UPDATE, DELETE, TRUNCATE ON cards_boughtcard, cards_cardgift, cards_deskissue FROM warchest_journey;
GRANT UPDATE (shown, first_shown_at, mailed_at, cancelled_at) ON cards_boughtcard TO warchest_journey;
GRANT UPDATE (sealed, deliver_at, state, sends, began_at, delivered_at, problem, changed_at) ON cards_cardgift
    TO warchest_journey;
GRANT UPDATE (shown_at, taken_back_at) ON cards_deskissue TO warchest_journey;

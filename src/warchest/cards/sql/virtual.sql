-- What the database itself guarantees of cards that are issued one by one.

-- Beside what was ordered: how, and for which product.
CREATE FUNCTION cards_keep_virtual() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was ordered is never changed' USING ERRCODE = 'WC001';
END $$;

CREATE TRIGGER keep_virtual BEFORE UPDATE ON cards_batch
    FOR EACH ROW WHEN ((NEW.virtual, NEW.product) IS DISTINCT FROM (OLD.virtual, OLD.product))
    EXECUTE FUNCTION cards_keep_virtual();

-- For which order a card was issued stays; a code that was forgotten comes back never.
CREATE FUNCTION cards_keep_issued() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.serial, NEW.batch_id, NEW.seller, NEW."order", NEW.line, NEW.place, NEW.product, NEW.issued_at)
       IS DISTINCT FROM
       (OLD.serial, OLD.batch_id, OLD.seller, OLD."order", OLD.line, OLD.place, OLD.product, OLD.issued_at) THEN
        RAISE EXCEPTION 'for whom a card was issued is never changed' USING ERRCODE = 'WC001';
    END IF;
    IF NEW.sealed IS NOT NULL AND NEW.sealed IS DISTINCT FROM OLD.sealed THEN
        RAISE EXCEPTION 'a code that was issued is only forgotten' USING ERRCODE = 'WC001';
    END IF;
    IF (OLD.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at)
       OR (OLD.taken_back_at IS NOT NULL AND NEW.taken_back_at IS DISTINCT FROM OLD.taken_back_at) THEN
        RAISE EXCEPTION 'what is over stays over' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON cards_issuedcode FOR EACH ROW EXECUTE FUNCTION cards_keep_issued();
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_issuedcode
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_issuedcode
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

REVOKE UPDATE, DELETE, TRUNCATE ON cards_issuedcode FROM warchest_journey;
GRANT UPDATE (sealed, closed_at, taken_back_at) ON cards_issuedcode TO warchest_journey;

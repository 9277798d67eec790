-- What the database itself guarantees of wallets, lots and reservations, whoever writes to them.

CREATE FUNCTION charging_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'WC001';
END $$;

-- What a lot began with is never changed; what is left of it only shrinks. Columns and conditions of the triggers, not code
-- in them: a sale that keeps to the rules calls no function.
CREATE TRIGGER keep BEFORE UPDATE OF id, wallet_id, source, reference, issued_minor, consideration_minor, currency,
        refundable, transferable, payable_out, expires_at, opened_at, recorded_at, origin_id, from_slice_id
    ON charging_lot FOR EACH ROW
    EXECUTE FUNCTION charging_refuse('what a lot began with is never changed');
CREATE TRIGGER only_shrink BEFORE UPDATE ON charging_lot FOR EACH ROW
    WHEN (NEW.units_left_minor > OLD.units_left_minor OR NEW.consideration_left_minor > OLD.consideration_left_minor)
    EXECUTE FUNCTION charging_refuse('what was taken from a lot is not put back');
CREATE TRIGGER begin_whole BEFORE INSERT ON charging_lot FOR EACH ROW
    WHEN (NEW.units_left_minor <> NEW.issued_minor OR NEW.consideration_left_minor <> NEW.consideration_minor
          OR NEW.reserved_minor <> 0)
    EXECUTE FUNCTION charging_refuse('a lot begins whole');

-- What never changes is looked at when a lot opens, and not again at every sale, as a constraint's check would be.
CREATE TRIGGER promotion_stays BEFORE INSERT ON charging_lot FOR EACH ROW
    WHEN (NEW.source = 'promotion' AND NEW.payable_out)
    EXECUTE FUNCTION charging_refuse('what nobody paid for is never paid out');
CREATE TRIGGER names_entry BEFORE INSERT ON charging_lot FOR EACH ROW
    WHEN (NEW.reference = '')
    EXECUTE FUNCTION charging_refuse('a lot names the journal entry that brings it');
CREATE TRIGGER has_origin BEFORE INSERT ON charging_lot FOR EACH ROW
    WHEN ((NEW.from_slice_id IS NULL) <> (NEW.origin_id = NEW.id))
    EXECUTE FUNCTION charging_refuse('a lot is its own origin, or made of a slice of another');

-- A lot that is cut from another keeps its source, terms, age and origin; its term may be made longer, never shorter. All
-- lots that are made of one slice never exceed it, and who takes its last unit takes the rest of what was paid along.
CREATE FUNCTION charging_keep_descent() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    slice charging_lotslice;
    parent charging_lot;
    given record;
BEGIN
    -- Two who give back of one slice take turns here, so that both see what the first one gave.
    SELECT * INTO STRICT slice FROM charging_lotslice WHERE id = NEW.from_slice_id FOR UPDATE;
    SELECT * INTO STRICT parent FROM charging_lot WHERE id = slice.lot_id;
    IF slice.use = 'expiry' OR (slice.use = 'spend' AND NEW.wallet_id <> parent.wallet_id) THEN
        RAISE EXCEPTION 'what was spent goes back where it came from, and what expired does not'
            USING ERRCODE = 'WC001';
    END IF;
    IF (NEW.source, NEW.currency, NEW.refundable, NEW.transferable, NEW.payable_out, NEW.opened_at, NEW.origin_id)
       IS DISTINCT FROM
       (parent.source, parent.currency, parent.refundable, parent.transferable, parent.payable_out, parent.opened_at,
        parent.origin_id) THEN
        RAISE EXCEPTION 'a lot keeps the source, terms, age and origin of the one that it is cut from'
            USING ERRCODE = 'WC001';
    END IF;
    IF coalesce(NEW.expires_at, 'infinity') < coalesce(parent.expires_at, 'infinity')
       OR NEW.expires_at IS NULL AND parent.expires_at IS NOT NULL THEN
        RAISE EXCEPTION 'a lot that is cut from another has its term, or a longer one' USING ERRCODE = 'WC001';
    END IF;
    SELECT sum(issued_minor) AS units, sum(consideration_minor) AS consideration INTO given
      FROM charging_lot WHERE from_slice_id = NEW.from_slice_id;
    IF given.units > slice.units_minor OR given.consideration > slice.consideration_minor
       OR (given.units = slice.units_minor AND given.consideration <> slice.consideration_minor) THEN
        RAISE EXCEPTION 'lots made of slice % exceed it, or lose a part of what was paid', slice.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'lots_within_slice';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER keep_descent AFTER INSERT ON charging_lot FOR EACH ROW WHEN (NEW.from_slice_id IS NOT NULL)
    EXECUTE FUNCTION charging_keep_descent();

-- What is reserved of a lot follows its reservations. ``lot_reserved_within`` keeps their sum within what is left.
CREATE FUNCTION charging_follow_reservation() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE charging_lot SET reserved_minor = reserved_minor + NEW.units_minor WHERE id = NEW.lot_id;
    ELSE
        UPDATE charging_lot SET reserved_minor = reserved_minor - OLD.units_minor WHERE id = OLD.lot_id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER follow AFTER INSERT OR DELETE ON charging_reservation
    FOR EACH ROW EXECUTE FUNCTION charging_follow_reservation();
CREATE TRIGGER keep BEFORE UPDATE ON charging_reservation FOR EACH ROW
    EXECUTE FUNCTION charging_refuse('a reservation stays as it is until its hold closes');
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON charging_reservation
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

CREATE TRIGGER never_deleted BEFORE DELETE ON charging_lot
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON charging_lot
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

-- A sale writes its lots anew: with room on the page the new row lies beside the old one, and no index learns of it.
ALTER TABLE charging_lot SET (fillfactor = 80);
ALTER TABLE charging_wallet SET (fillfactor = 80);

REVOKE UPDATE, DELETE, TRUNCATE ON charging_lot, charging_wallet FROM warchest_journey;
REVOKE UPDATE, TRUNCATE ON charging_reservation FROM warchest_journey;
REVOKE INSERT ON charging_lotslice FROM warchest_journey;
GRANT UPDATE (state) ON charging_wallet TO warchest_journey;

-- What left with the money that was paid never comes back by a lot made of it; otherwise as before.
CREATE OR REPLACE FUNCTION charging_keep_descent() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    slice charging_lotslice;
    parent charging_lot;
    given record;
BEGIN
    -- Two who give back of one slice take turns here, so that both see what the first one gave.
    SELECT * INTO STRICT slice FROM charging_lotslice WHERE id = NEW.from_slice_id FOR UPDATE;
    SELECT * INTO STRICT parent FROM charging_lot WHERE id = slice.lot_id;
    IF slice.use IN ('expiry', 'leave', 'refund') OR (slice.use = 'spend' AND NEW.wallet_id <> parent.wallet_id) THEN
        RAISE EXCEPTION 'what was spent goes back where it came from, and what expired or left the house does not'
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

-- What the database itself guarantees of transfers, whoever writes to them.

CREATE TRIGGER keep BEFORE UPDATE OF id, direction, cluster, sender_id, recipient_id, units_minor, parts, occurred_at,
        recorded_at
    ON charging_transfer FOR EACH ROW
    EXECUTE FUNCTION charging_refuse('what a transfer is never changes');
CREATE TRIGGER finished_for_ever BEFORE UPDATE ON charging_transfer FOR EACH ROW
    WHEN (OLD.state <> 'held' AND (NEW.state, NEW.reason, NEW.entry_id, NEW.finished_at)
          IS DISTINCT FROM (OLD.state, OLD.reason, OLD.entry_id, OLD.finished_at))
    EXECUTE FUNCTION charging_refuse('a transfer is finished once');
-- What one player wrote to another, and the other's name, may be forgotten, and never put into other words.
CREATE TRIGGER words_stay BEFORE UPDATE OF message, other_name ON charging_transfer FOR EACH ROW
    WHEN (NEW.message NOT IN (OLD.message, '') OR NEW.other_name NOT IN (OLD.other_name, ''))
    EXECUTE FUNCTION charging_refuse('what was written to another player may only be forgotten');
CREATE TRIGGER never_deleted BEFORE DELETE ON charging_transfer
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON charging_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

REVOKE DELETE, TRUNCATE ON charging_transfer FROM warchest_journey;

-- As before, and what has left for another cluster comes back by no lot made of it: it would come as a transfer of its own.
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
    IF slice.use IN ('expiry', 'leave') OR (slice.use = 'spend' AND NEW.wallet_id <> parent.wallet_id) THEN
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

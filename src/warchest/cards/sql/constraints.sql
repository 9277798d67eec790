-- What the database itself guarantees of batches and cards, whoever writes to them.

-- An order stays as it was placed, and a batch goes only forward.
CREATE FUNCTION cards_keep_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.quantity, NEW.gives, NEW.face_minor, NEW.face_currency, NEW.code_length, NEW.serial_prefix,
        NEW.series, NEW.expires_at, NEW.regions, NEW.reseller, NEW.margin_bps, NEW.needs_sale, NEW.ordered_by,
        NEW.ordered_at, NEW.digest)
       IS DISTINCT FROM
       (OLD.id, OLD.quantity, OLD.gives, OLD.face_minor, OLD.face_currency, OLD.code_length, OLD.serial_prefix,
        OLD.series, OLD.expires_at, OLD.regions, OLD.reseller, OLD.margin_bps, OLD.needs_sale, OLD.ordered_by,
        OLD.ordered_at, OLD.digest) THEN
        RAISE EXCEPTION 'what was ordered is never changed' USING ERRCODE = 'WC001';
    END IF;
    IF OLD.approved_by IS NOT NULL
       AND (NEW.approved_by, NEW.approved_at, NEW.approved_digest)
           IS DISTINCT FROM (OLD.approved_by, OLD.approved_at, OLD.approved_digest) THEN
        RAISE EXCEPTION 'an approval is never changed' USING ERRCODE = 'WC001';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('ordered', 'approved'), ('ordered', 'refused'), ('ordered', 'cancelled'),
        ('approved', 'generated'), ('approved', 'cancelled'),
        ('generated', 'handed_over'), ('generated', 'cancelled'),
        ('handed_over', 'closed')) THEN
        RAISE EXCEPTION 'a batch does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON cards_batch FOR EACH ROW EXECUTE FUNCTION cards_keep_batch();

-- Cards are made for approved batches only, and never more than ordered. Checked once a statement.
CREATE FUNCTION cards_check_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT batch_id, min(number) AS lowest, max(number) AS highest FROM made GROUP BY batch_id) AS cards
          LEFT JOIN cards_batch AS batch ON batch.id = cards.batch_id
         WHERE batch.state IS DISTINCT FROM 'approved' OR cards.lowest < 1 OR cards.highest > batch.quantity) THEN
        RAISE EXCEPTION 'cards are made only as approved' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'cards_as_approved';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER check_made AFTER INSERT ON cards_card REFERENCING NEW TABLE AS made
    FOR EACH STATEMENT EXECUTE FUNCTION cards_check_made();

-- What a card is never changes; what became of it ends with its activation or with its being void.
CREATE FUNCTION cards_keep_card() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.serial, NEW.batch_id, NEW.number, NEW.code_hash, NEW.last_four)
       IS DISTINCT FROM (OLD.serial, OLD.batch_id, OLD.number, OLD.code_hash, OLD.last_four) THEN
        RAISE EXCEPTION 'a card''s serial and code are never changed' USING ERRCODE = 'WC001';
    END IF;
    IF OLD.state IN ('activated', 'void')
       AND (NEW.state, NEW.player_id, NEW.activated_at, NEW.activated_in, NEW.units_minor, NEW.entry_id)
           IS DISTINCT FROM
           (OLD.state, OLD.player_id, OLD.activated_at, OLD.activated_in, OLD.units_minor, OLD.entry_id) THEN
        RAISE EXCEPTION 'card % is % for ever', OLD.serial, OLD.state USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON cards_card FOR EACH ROW EXECUTE FUNCTION cards_keep_card();

-- Serials and codes are unique over all batches ever: so nothing is ever deleted.
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_batch
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_batch
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_card
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_card
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

REVOKE UPDATE, DELETE, TRUNCATE ON cards_batch, cards_card FROM warchest_journey;
GRANT UPDATE (state, approved_by, approved_at, approved_digest, refused_by, refused_at, refusal, generated_at,
    handed_over_by, handed_over_at, recipient, file_until, blocked_at) ON cards_batch TO warchest_journey;
GRANT UPDATE (state, blocked_at, player_id, activated_at, activated_in, units_minor, entry_id) ON cards_card
    TO warchest_journey;

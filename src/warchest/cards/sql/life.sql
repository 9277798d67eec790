-- What the database itself guarantees of orders that are changed, and of cards that are shipped, sold, replaced and expire.

-- An order stays as it was approved, and a batch goes only forward. Whoever changes an order makes its next version, in the
-- state 'ordered' and with no approval; the version before is kept.
CREATE OR REPLACE FUNCTION cards_keep_batch() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed boolean := (NEW.quantity, NEW.gives, NEW.face_minor, NEW.face_currency, NEW.code_length, NEW.serial_prefix,
        NEW.series, NEW.expires_at, NEW.regions, NEW.reseller, NEW.margin_bps, NEW.needs_sale, NEW.virtual, NEW.product,
        NEW.stock, NEW.spares, NEW.alphabet, NEW.group_size, NEW.serial_digits, NEW.first_number, NEW.printer,
        NEW.printer_key, NEW.tax_country, NEW.campaign, NEW.new_players_days, NEW.online_service, NEW.import_digest,
        NEW.ordered_by, NEW.ordered_at, NEW.digest, NEW.version)
       IS DISTINCT FROM
       (OLD.quantity, OLD.gives, OLD.face_minor, OLD.face_currency, OLD.code_length, OLD.serial_prefix,
        OLD.series, OLD.expires_at, OLD.regions, OLD.reseller, OLD.margin_bps, OLD.needs_sale, OLD.virtual, OLD.product,
        OLD.stock, OLD.spares, OLD.alphabet, OLD.group_size, OLD.serial_digits, OLD.first_number, OLD.printer,
        OLD.printer_key, OLD.tax_country, OLD.campaign, OLD.new_players_days, OLD.online_service, OLD.import_digest,
        OLD.ordered_by, OLD.ordered_at, OLD.digest, OLD.version);
BEGIN
    IF NEW.id <> OLD.id THEN
        RAISE EXCEPTION 'a batch is never renamed' USING ERRCODE = 'WC001';
    END IF;
    IF changed THEN
        IF OLD.state NOT IN ('ordered', 'approved') OR NEW.state <> 'ordered' OR NEW.approved_by IS NOT NULL
           OR NEW.version <> OLD.version + 1 OR NEW.digest = OLD.digest
           OR EXISTS (SELECT FROM cards_issuedcode WHERE batch_id = OLD.id) THEN
            RAISE EXCEPTION 'what was ordered is never changed' USING ERRCODE = 'WC001';
        END IF;
        INSERT INTO cards_batchversion (batch_id, version, ordered_by, "row", recorded_at)
             VALUES (OLD.id, OLD.version, OLD.ordered_by, to_jsonb(OLD), now());
    ELSIF OLD.approved_by IS NOT NULL
       AND (NEW.approved_by, NEW.approved_at, NEW.approved_digest)
           IS DISTINCT FROM (OLD.approved_by, OLD.approved_at, OLD.approved_digest) THEN
        RAISE EXCEPTION 'an approval is never changed' USING ERRCODE = 'WC001';
    ELSIF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('ordered', 'approved'), ('ordered', 'refused'), ('ordered', 'cancelled'),
        ('approved', 'generated'), ('approved', 'cancelled'), ('approved', 'closed'),
        ('generated', 'handed_over'), ('generated', 'cancelled'),
        ('handed_over', 'closed')) THEN
        RAISE EXCEPTION 'a batch does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'WC001';
    END IF;
    -- Also not what one had ordered in a version before.
    IF NEW.approved_by IS NOT NULL AND OLD.approved_by IS NULL AND EXISTS (
        SELECT FROM cards_batchversion WHERE batch_id = NEW.id AND ordered_by = NEW.approved_by) THEN
        RAISE EXCEPTION 'nobody approves an own order' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

-- ``keep`` sees to what is virtual now.
CREATE OR REPLACE FUNCTION cards_keep_virtual() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEW;
END $$;

-- Cards are made for approved batches only, and never more than ordered, spares included. A card in the place of a void one
-- of its batch may be issued as long as the batch is open. Checked once a statement.
CREATE OR REPLACE FUNCTION cards_check_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT batch_id, min(number) AS lowest, max(number) AS highest
                       FROM made WHERE replaces IS NULL GROUP BY batch_id) AS cards
          LEFT JOIN cards_batch AS batch ON batch.id = cards.batch_id
         WHERE batch.state IS DISTINCT FROM 'approved' OR cards.lowest < 1
            OR cards.highest > batch.quantity + batch.spares)
       OR EXISTS (
        SELECT FROM made
          LEFT JOIN cards_batch AS batch ON batch.id = made.batch_id
          LEFT JOIN cards_card AS gone ON gone.serial = made.replaces
         WHERE made.replaces IS NOT NULL
           AND (batch.state NOT IN ('approved', 'handed_over') OR made.number <= batch.quantity + batch.spares
                OR gone.state IS DISTINCT FROM 'void' OR gone.batch_id IS DISTINCT FROM made.batch_id)) THEN
        RAISE EXCEPTION 'cards are made only as approved' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'cards_as_approved';
    END IF;
    RETURN NULL;
END $$;

-- What a card is never changes; what became of it ends with its activation, its expiry or with its being void.
CREATE OR REPLACE FUNCTION cards_keep_card() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.serial, NEW.batch_id, NEW.number, NEW.code_hash, NEW.last_four, NEW.replaces)
       IS DISTINCT FROM (OLD.serial, OLD.batch_id, OLD.number, OLD.code_hash, OLD.last_four, OLD.replaces) THEN
        RAISE EXCEPTION 'a card''s serial and code are never changed' USING ERRCODE = 'WC001';
    END IF;
    IF OLD.state IN ('activated', 'void', 'expired')
       AND (NEW.state, NEW.player_id, NEW.activated_at, NEW.activated_in, NEW.units_minor, NEW.entry_id, NEW.holder_id,
            NEW.paid_at, NEW.owed_minor, NEW.owed_currency)
           IS DISTINCT FROM
           (OLD.state, OLD.player_id, OLD.activated_at, OLD.activated_in, OLD.units_minor, OLD.entry_id, OLD.holder_id,
            OLD.paid_at, OLD.owed_minor, OLD.owed_currency) THEN
        RAISE EXCEPTION 'card % is % for ever', OLD.serial, OLD.state USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

GRANT UPDATE (quantity, gives, face_minor, face_currency, code_length, serial_prefix, series, expires_at, regions,
    reseller, margin_bps, needs_sale, virtual, product, stock, spares, alphabet, group_size, serial_digits, first_number,
    printer, printer_key, tax_country, campaign, new_players_days, online_service, import_digest, ordered_by, ordered_at,
    digest, version, card_tax_minor, closed_by, closed_at, cancelled_by, cancelled_at, cancellation)
    ON cards_batch TO warchest_journey;
GRANT UPDATE (holder_id, paid_at, owed_minor, owed_currency, expires_at) ON cards_card TO warchest_journey;

-- A hand-over that was confirmed stays so; what it was about never changes.
CREATE FUNCTION cards_keep_hand_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.batch_id, NEW.recipient, NEW.kind, NEW.key, NEW.fingerprint, NEW.asked_by, NEW.asked_at)
       IS DISTINCT FROM
       (OLD.id, OLD.batch_id, OLD.recipient, OLD.kind, OLD.key, OLD.fingerprint, OLD.asked_by, OLD.asked_at)
       OR (OLD.confirmed_at IS NOT NULL
           AND (NEW.confirmed_by, NEW.confirmed_at, NEW.control_digest, NEW.cards, NEW.withdrawn_at)
               IS DISTINCT FROM
               (OLD.confirmed_by, OLD.confirmed_at, OLD.control_digest, OLD.cards, OLD.withdrawn_at))
       OR (OLD.fetched_at IS NOT NULL
           AND (NEW.fetched_at, NEW.fetched_by) IS DISTINCT FROM (OLD.fetched_at, OLD.fetched_by))
       OR (OLD.withdrawn_at IS NOT NULL
           AND (NEW.withdrawn_at, NEW.withdrawn_by) IS DISTINCT FROM (OLD.withdrawn_at, OLD.withdrawn_by)) THEN
        RAISE EXCEPTION 'a hand-over is never changed' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON cards_handover FOR EACH ROW EXECUTE FUNCTION cards_keep_hand_over();
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_handover
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_handover
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON cards_handover FROM warchest_journey;
GRANT UPDATE (withdrawn_by, withdrawn_at, confirmed_by, confirmed_at, cards, file_bytes, control_digest, fetched_by, fetched_at)
    ON cards_handover TO warchest_journey;

-- What the database itself guarantees of resellers, and of cards on their way.

-- No number of a batch is away twice: not even in two drafts.
CREATE TYPE cards_place AS (batch_id uuid, number integer);
CREATE TYPE cards_places AS RANGE (SUBTYPE = cards_place);
ALTER TABLE cards_shipmentpart ADD CONSTRAINT number_away_once EXCLUDE USING gist
    (cards_places((batch_id, first_number)::cards_place, (batch_id, last_number)::cards_place, '[]') WITH &&)
    WHERE (state IN ('away', 'lost'));

-- A reseller stays within its parent: no more margin, no other currency, no country that its parent has not. Whoever changes
-- a parent or takes a child on does it under the parent's lock.
CREATE FUNCTION cards_keep_reseller() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    above cards_reseller;
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.id, NEW.name, NEW.parent_id, NEW.top_id, NEW.currency)
       IS DISTINCT FROM (OLD.id, OLD.name, OLD.parent_id, OLD.top_id, OLD.currency) THEN
        RAISE EXCEPTION 'a reseller''s name, place and currency are never changed' USING ERRCODE = 'WC001';
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.margin_bps, NEW.regions) IS NOT DISTINCT FROM (OLD.margin_bps, OLD.regions) THEN
        RETURN NEW;
    END IF;
    IF NEW.parent_id IS NOT NULL THEN
        SELECT * INTO above FROM cards_reseller WHERE id = NEW.parent_id FOR UPDATE;
        IF NEW.top_id <> above.top_id OR NEW.currency <> above.currency OR NEW.margin_bps > above.margin_bps
           OR (cardinality(above.regions) > 0
               AND (cardinality(NEW.regions) = 0 OR NOT NEW.regions <@ above.regions)) THEN
            RAISE EXCEPTION 'a reseller stays within its parent' USING ERRCODE = 'check_violation',
                CONSTRAINT = 'reseller_within_parent';
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND EXISTS (
        SELECT FROM cards_reseller AS child WHERE child.parent_id = NEW.id
           AND (child.margin_bps > NEW.margin_bps
                OR (cardinality(NEW.regions) > 0
                    AND (cardinality(child.regions) = 0 OR NOT child.regions <@ NEW.regions)))) THEN
        RAISE EXCEPTION 'its own resellers stay within a reseller' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'reseller_above_children';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON cards_reseller
    FOR EACH ROW EXECUTE FUNCTION cards_keep_reseller();

-- Cards go down the chain to a next reseller, and back the same way; what a shipment is about never changes, and it goes
-- only forward. What was lost may turn up.
CREATE FUNCTION cards_keep_shipment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.id, NEW.batch_id, NEW.first_number, NEW.last_number, NEW.sender_id, NEW.receiver_id,
           NEW.consignment, NEW.face_minor, NEW.margin_minor, NEW.currency, NEW.drafted_by, NEW.drafted_at)
       IS DISTINCT FROM (OLD.id, OLD.batch_id, OLD.first_number, OLD.last_number, OLD.sender_id, OLD.receiver_id,
           OLD.consignment, OLD.face_minor, OLD.margin_minor, OLD.currency, OLD.drafted_by, OLD.drafted_at) THEN
        RAISE EXCEPTION 'what a shipment is about is never changed' USING ERRCODE = 'WC001';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('draft', 'sent'), ('draft', 'cancelled'), ('sent', 'received'), ('sent', 'cancelled'), ('sent', 'lost'),
        ('lost', 'received')) THEN
        RAISE EXCEPTION 'a shipment does not go from % to %', OLD.state, NEW.state USING ERRCODE = 'WC001';
    END IF;
    IF TG_OP = 'INSERT' AND NOT EXISTS (
        SELECT FROM cards_reseller AS one
         WHERE (one.id = NEW.receiver_id AND one.parent_id IS NOT DISTINCT FROM NEW.sender_id)
            OR (one.id = NEW.sender_id AND one.parent_id IS NOT DISTINCT FROM NEW.receiver_id)) THEN
        RAISE EXCEPTION 'cards go up or down one step of a chain' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'shipment_one_step';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON cards_shipment
    FOR EACH ROW EXECUTE FUNCTION cards_keep_shipment();

-- A part that arrived stays so; one that is away may be cut.
CREATE FUNCTION cards_keep_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('away', 'lost')
       OR (NEW.id, NEW.shipment_id, NEW.batch_id) IS DISTINCT FROM (OLD.id, OLD.shipment_id, OLD.batch_id)
       OR (NEW.first_number, NEW.last_number) IS DISTINCT FROM (OLD.first_number, OLD.last_number)
          AND (NEW.first_number < OLD.first_number OR NEW.last_number > OLD.last_number) THEN
        RAISE EXCEPTION 'what arrived stays arrived' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON cards_shipmentpart
    FOR EACH ROW EXECUTE FUNCTION cards_keep_part();

-- What was sold stays as it was written, and is reversed once.
CREATE FUNCTION cards_keep_sale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.serial, NEW.batch_id, NEW.reseller_id, NEW.by_activation, NEW.actor, NEW.sold_at, NEW.occurred_at,
        NEW.state_before, NEW.face_minor, NEW.margin_minor, NEW.tax_minor, NEW.currency, NEW.entry_id)
       IS DISTINCT FROM
       (OLD.id, OLD.serial, OLD.batch_id, OLD.reseller_id, OLD.by_activation, OLD.actor, OLD.sold_at, OLD.occurred_at,
        OLD.state_before, OLD.face_minor, OLD.margin_minor, OLD.tax_minor, OLD.currency, OLD.entry_id)
       OR OLD.reversed_at IS NOT NULL THEN
        RAISE EXCEPTION 'a sale is only reversed, and once' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON cards_sale FOR EACH ROW EXECUTE FUNCTION cards_keep_sale();

-- Nothing of it is ever deleted.
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_reseller
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_reseller
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_shipment
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_shipment
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_shipmentpart
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_shipmentpart
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON cards_sale
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON cards_sale
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
REVOKE DELETE, TRUNCATE ON cards_reseller, cards_resellerperson, cards_shipment, cards_shipmentpart, cards_sale
    FROM warchest_journey;

GRANT UPDATE (delivery_id) ON cards_card TO warchest_journey;

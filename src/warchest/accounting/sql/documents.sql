-- A document takes the next number of its series by being inserted, and in no other way: the counter moves with the row, in
-- one transaction, so that what is rolled back leaves no gap. Whoever inserts at the same time waits for the counter's row.
CREATE FUNCTION accounting_number_document() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO accounting_documentseries AS counter (id, entity, series, year, last)
    VALUES (NEW.entity || '/' || NEW.series || '/' || NEW.year, NEW.entity, NEW.series, NEW.year, 1)
    ON CONFLICT (id) DO UPDATE SET last = counter.last + 1
    RETURNING counter.last INTO NEW.running;
    NEW.number := NEW.series || CASE WHEN NEW.year > 0 THEN '-' || NEW.year ELSE '' END
                             || '-' || lpad(NEW.running::text, greatest(6, length(NEW.running::text)), '0');
    RETURN NEW;
END $$;

CREATE TRIGGER take_number BEFORE INSERT ON accounting_document
    FOR EACH ROW EXECUTE FUNCTION accounting_number_document();

-- Not even its owner moves a counter otherwise than by one, or back.
CREATE FUNCTION accounting_keep_counter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.last <> 1 OR NEW.id <> NEW.entity || '/' || NEW.series || '/' || NEW.year THEN
            RAISE EXCEPTION 'a series begins with 1, under its own name' USING ERRCODE = 'WC001';
        END IF;
    ELSIF (NEW.id, NEW.entity, NEW.series, NEW.year) IS DISTINCT FROM (OLD.id, OLD.entity, OLD.series, OLD.year)
          OR NEW.last <> OLD.last + 1 THEN
        RAISE EXCEPTION 'a series gives out one number after the other' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON accounting_documentseries
    FOR EACH ROW EXECUTE FUNCTION accounting_keep_counter();
CREATE TRIGGER never_deleted BEFORE DELETE ON accounting_documentseries
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON accounting_documentseries
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON accounting_documentseries FROM warchest_journey;

-- The journal is gone through once, forwards.
CREATE FUNCTION accounting_keep_document_watermark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.position < OLD.position THEN
        RAISE EXCEPTION 'documents are issued forwards' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON accounting_documentwatermark
    FOR EACH ROW EXECUTE FUNCTION accounting_keep_document_watermark();
REVOKE INSERT, DELETE, TRUNCATE ON accounting_documentwatermark FROM warchest_journey;
INSERT INTO accounting_documentwatermark (id, position) VALUES (1, 0);

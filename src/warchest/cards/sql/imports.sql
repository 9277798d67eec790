-- What an older system's cards are is a part of the order: it changes only as the order does, in a next version.
CREATE FUNCTION cards_keep_import() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <> OLD.version + 1 OR NEW.digest = OLD.digest THEN
        RAISE EXCEPTION 'what was ordered is never changed' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep_import BEFORE UPDATE ON cards_batch
    FOR EACH ROW WHEN ((NEW.import_scheme, NEW.owed_from) IS DISTINCT FROM (OLD.import_scheme, OLD.owed_from))
    EXECUTE FUNCTION cards_keep_import();

GRANT UPDATE (import_scheme, owed_from) ON cards_batch TO warchest_journey;

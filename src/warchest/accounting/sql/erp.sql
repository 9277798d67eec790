-- An export goes forward only: its place in the books, and its numbers.
CREATE FUNCTION accounting_keep_erp_export() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.exporter, NEW.begins_after, NEW.first_journal, NEW.begun_at)
       IS DISTINCT FROM (OLD.exporter, OLD.begins_after, OLD.first_journal, OLD.begun_at)
       OR NEW.position < OLD.position OR NEW.next_journal < OLD.next_journal OR NEW.next_receipt < OLD.next_receipt
       OR NEW.next_customer < OLD.next_customer OR NEW.next_batch < OLD.next_batch THEN
        RAISE EXCEPTION 'an export goes forward only' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

-- A taken entry gets its batch once, and stays in it.
CREATE FUNCTION accounting_keep_erp_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.batch_id IS NOT NULL
       OR (NEW.export_id, NEW.entry_id, NEW.position, NEW.day, NEW.treatment, NEW.recorded_at)
       IS DISTINCT FROM (OLD.export_id, OLD.entry_id, OLD.position, OLD.day, OLD.treatment, OLD.recorded_at) THEN
        RAISE EXCEPTION 'a taken entry stays what it is, and in its batch' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

-- A document stays what it is. Acknowledged is the end; nothing is written anew that was not refused or unanswered.
CREATE FUNCTION accounting_keep_erp_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.batch_id, NEW.exporter, NEW.series, NEW.number, NEW.treatment, NEW.day, NEW.currency,
        NEW.amount_minor, NEW.text, NEW.customer_id, NEW.made_at)
       IS DISTINCT FROM (OLD.id, OLD.batch_id, OLD.exporter, OLD.series, OLD.number, OLD.treatment, OLD.day, OLD.currency,
        OLD.amount_minor, OLD.text, OLD.customer_id, OLD.made_at)
       OR NEW.attempts < OLD.attempts
       OR OLD.state = 'acknowledged'
       OR (OLD.state, NEW.state) NOT IN (
           ('waiting', 'waiting'), ('waiting', 'sent'), ('sent', 'sent'), ('sent', 'acknowledged'), ('sent', 'refused'),
           ('sent', 'waiting'), ('refused', 'refused'), ('refused', 'waiting'), ('refused', 'acknowledged'),
           -- An answer to an earlier attempt, while a later one waits.
           ('waiting', 'acknowledged')) THEN
        RAISE EXCEPTION 'a document for the ERP stays what it is: % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION accounting_balance_erp_totals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    debits numeric;
    credits numeric;
BEGIN
    SELECT sum(t.debit_minor), sum(t.credit_minor) INTO debits, credits FROM accounting_erptotal AS t
     WHERE t.batch_id = NEW.batch_id AND t.treatment = NEW.treatment AND t.currency = NEW.currency;
    IF debits <> credits THEN
        RAISE EXCEPTION 'control totals of a batch differ: debits % and credits % in %', debits, credits, NEW.currency
            USING ERRCODE = 'WC001';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON accounting_erpexport
    FOR EACH ROW EXECUTE FUNCTION accounting_keep_erp_export();
CREATE TRIGGER keep BEFORE UPDATE ON accounting_erpentry
    FOR EACH ROW EXECUTE FUNCTION accounting_keep_erp_entry();
CREATE TRIGGER keep BEFORE UPDATE ON accounting_erpdocument
    FOR EACH ROW EXECUTE FUNCTION accounting_keep_erp_document();
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON accounting_erptotal DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION accounting_balance_erp_totals();

CREATE TRIGGER never_deleted BEFORE DELETE ON accounting_erpexport
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON accounting_erpentry
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON accounting_erpdocument
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON accounting_erpexport
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON accounting_erpentry
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON accounting_erpdocument
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

REVOKE DELETE, TRUNCATE ON accounting_erpexport, accounting_erpentry, accounting_erpdocument FROM warchest_journey;

-- What a provider settled stays as it was told; of a line only that it was resolved is written, once.
CREATE FUNCTION payments_keep_settlement_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state NOT IN ('differs', 'extra') OR NEW.state <> 'resolved'
       OR (NEW.id, NEW.settlement_id, NEW.provider, NEW.line, NEW.kind, NEW.gross_minor, NEW.fee_minor,
           NEW.booked_fee_minor, NEW.ours_minor, NEW.difference_minor, NEW.currency, NEW.payment)
          IS DISTINCT FROM
          (OLD.id, OLD.settlement_id, OLD.provider, OLD.line, OLD.kind, OLD.gross_minor, OLD.fee_minor,
           OLD.booked_fee_minor, OLD.ours_minor, OLD.difference_minor, OLD.currency, OLD.payment) THEN
        RAISE EXCEPTION 'a line of a settlement is resolved once, and never changed' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON payments_settlementline
    FOR EACH ROW EXECUTE FUNCTION payments_keep_settlement_line();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON payments_settlementline
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
REVOKE DELETE, TRUNCATE ON payments_settlementline FROM warchest_journey;

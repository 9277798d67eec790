-- A hold begins open: units set aside under one that is closed already would never go free.
CREATE FUNCTION ledger_begin_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a hold begins open' USING ERRCODE = 'WC001';
END $$;

CREATE TRIGGER begin_open BEFORE INSERT ON ledger_hold
    FOR EACH ROW WHEN (NEW.state <> 'open' OR NEW.captured_minor <> 0) EXECUTE FUNCTION ledger_begin_open();

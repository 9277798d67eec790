-- Exact balances of accounts with a floor, and holds: what the database itself guarantees, whoever writes.

CREATE TRIGGER open_balance AFTER INSERT ON ledger_account FOR EACH ROW EXECUTE FUNCTION ledger_open_balance();

CREATE TRIGGER follow AFTER INSERT OR UPDATE ON ledger_hold FOR EACH ROW EXECUTE FUNCTION ledger_follow_hold();

-- A hold begins open: units set aside under one that is closed already would never go free.
CREATE FUNCTION ledger_begin_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a hold begins open' USING ERRCODE = 'WC001';
END $$;

CREATE TRIGGER begin_open BEFORE INSERT ON ledger_hold
    FOR EACH ROW WHEN (NEW.state <> 'open' OR NEW.captured_minor <> 0) EXECUTE FUNCTION ledger_begin_open();

-- Sums are written in place: room in each page keeps a change from touching the index.
ALTER TABLE ledger_account SET (fillfactor = 70);

REVOKE ALL ON ledger_entrykey, ledger_balance, ledger_account, ledger_book, ledger_hold, ledger_watermark,
    ledger_daysum, ledger_reference, ledger_reversed FROM warchest_journey;
GRANT SELECT ON ledger_entrykey, ledger_balance, ledger_account, ledger_book, ledger_hold, ledger_watermark,
    ledger_daysum, ledger_reference, ledger_reversed TO warchest_journey;
GRANT INSERT ON ledger_book, ledger_hold TO warchest_journey;
GRANT UPDATE (state, captured_minor, closed_at) ON ledger_hold TO warchest_journey;

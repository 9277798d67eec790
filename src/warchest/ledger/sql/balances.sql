-- Exact balances of accounts with a floor, and holds: what the database itself guarantees, whoever writes.

-- An account with a floor has its balance row from the moment it opens.
CREATE FUNCTION ledger_open_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO ledger_balance (account_id, side, posted_minor, held_minor, short)
    SELECT NEW.id, side, 0, 0, false FROM ledger_book WHERE code = NEW.book_id AND floored;
    RETURN NULL;
END $$;

CREATE TRIGGER open_balance AFTER INSERT ON ledger_account FOR EACH ROW EXECUTE FUNCTION ledger_open_balance();

-- What a hold sets aside follows the hold's own row; a closed hold never opens again.
CREATE FUNCTION ledger_follow_hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE ledger_balance SET held_minor = held_minor + NEW.amount_minor WHERE account_id = NEW.account_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'only an account with a floor can be held' USING ERRCODE = 'check_violation',
                CONSTRAINT = 'hold_needs_floor';
        END IF;
    ELSE
        IF OLD.state <> 'open' OR NEW.state = 'open' OR NEW.amount_minor <> OLD.amount_minor
           OR NEW.account_id <> OLD.account_id THEN
            RAISE EXCEPTION 'a closed hold stays as it is' USING ERRCODE = 'WC001';
        END IF;
        UPDATE ledger_balance SET held_minor = held_minor - OLD.amount_minor WHERE account_id = OLD.account_id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER follow AFTER INSERT OR UPDATE ON ledger_hold FOR EACH ROW EXECUTE FUNCTION ledger_follow_hold();

-- A hold begins open: units set aside under one that is closed already would never go free.
CREATE FUNCTION ledger_begin_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a hold begins open' USING ERRCODE = 'WC001';
END $$;

CREATE TRIGGER begin_open BEFORE INSERT ON ledger_hold
    FOR EACH ROW WHEN (NEW.state <> 'open' OR NEW.captured_minor <> 0) EXECUTE FUNCTION ledger_begin_open();

-- Balances are written in place: room in each page keeps a change from touching the index.
ALTER TABLE ledger_balance SET (fillfactor = 50);
ALTER TABLE ledger_account SET (fillfactor = 70);

REVOKE ALL ON ledger_entrykey, ledger_balance, ledger_account, ledger_book, ledger_hold, ledger_watermark,
    ledger_daysum, ledger_reference, ledger_reversed FROM warchest_journey;
GRANT SELECT ON ledger_entrykey, ledger_balance, ledger_account, ledger_book, ledger_hold, ledger_watermark,
    ledger_daysum, ledger_reference, ledger_reversed TO warchest_journey;
GRANT INSERT ON ledger_book, ledger_hold TO warchest_journey;
GRANT UPDATE (state, captured_minor, closed_at) ON ledger_hold TO warchest_journey;

-- What the database itself guarantees of the books, whoever writes to them.

-- True when, in each currency, the debits ('D') equal the credits ('C') and every amount is positive.
CREATE FUNCTION ledger_is_balanced(sides text[], amounts bigint[], currencies text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(bool_and(balanced), false)
      FROM (SELECT sum(CASE leg.side WHEN 'D' THEN leg.amount WHEN 'C' THEN -leg.amount END::numeric) = 0
                   AND min(leg.amount) > 0 AND bool_and(leg.side IN ('D', 'C')) AS balanced
              FROM unnest(sides, amounts, currencies) AS leg(side, amount, currency)
             GROUP BY leg.currency) AS per_currency
$$;

ALTER TABLE ledger_journalentry
    ADD CONSTRAINT entry_balanced CHECK (ledger_is_balanced(sides, amounts, currencies)),
    ADD CONSTRAINT entry_legs_whole CHECK (
        cardinality(accounts) BETWEEN 2 AND 1000
        AND cardinality(sides) = cardinality(accounts)
        AND cardinality(amounts) = cardinality(accounts)
        AND cardinality(currencies) = cardinality(accounts));

-- The journal is the only way into the postings and the balances: it runs with the owner's rights, while those who
-- run the business may only read them.
CREATE FUNCTION ledger_unfold_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    unfolded int;
BEGIN
    -- Balances are locked in the order of their accounts, so that no two entries wait for each other.
    PERFORM 1 FROM ledger_balance WHERE account_id = ANY (NEW.accounts) ORDER BY account_id FOR UPDATE;

    -- The net change of each floored account at once: an entry may move an account twice, only its result counts.
    UPDATE ledger_balance AS balance
       SET posted_minor = balance.posted_minor
           + (SELECT sum(CASE WHEN l.side = balance.side THEN l.amount ELSE -l.amount END)
                FROM unnest(NEW.accounts, NEW.sides, NEW.amounts) AS l(account, side, amount)
               WHERE l.account = balance.account_id)
     WHERE balance.account_id = ANY (NEW.accounts);

    INSERT INTO ledger_posting (entry_id, leg, account_id, side, amount_minor, occurred_at, recorded_at,
                                balance_after_minor)
    SELECT NEW.id, l.number, l.account, l.side, l.amount, NEW.occurred_at, NEW.recorded_at,
           (SELECT balance.posted_minor FROM ledger_balance AS balance WHERE balance.account_id = l.account)
      FROM unnest(NEW.accounts, NEW.sides, NEW.amounts, NEW.currencies)
           WITH ORDINALITY AS l(account, side, amount, currency, number)
     WHERE l.currency = (SELECT account.currency FROM ledger_account AS account WHERE account.id = l.account)
     ORDER BY l.number;
    GET DIAGNOSTICS unfolded = ROW_COUNT;
    IF unfolded <> cardinality(NEW.accounts) THEN
        RAISE EXCEPTION 'a leg has no account, or is not in its account''s currency'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'leg_currency';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER unfold AFTER INSERT ON ledger_journalentry FOR EACH ROW EXECUTE FUNCTION ledger_unfold_entry();

-- A floored account has its balance row from the moment it opens.
CREATE FUNCTION ledger_open_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO ledger_balance (account_id, side, posted_minor, held_minor)
    SELECT NEW.id, side, 0, 0 FROM ledger_book WHERE code = NEW.book_id AND floored;
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

REVOKE ALL ON ledger_journalentry, ledger_posting, ledger_entrykey, ledger_balance, ledger_account, ledger_book,
    ledger_hold FROM warchest_journey;
GRANT SELECT ON ledger_journalentry, ledger_posting, ledger_entrykey, ledger_balance, ledger_account, ledger_book,
    ledger_hold TO warchest_journey;
GRANT INSERT ON ledger_book, ledger_account, ledger_hold TO warchest_journey;
GRANT UPDATE (state, captured_minor, closed_at) ON ledger_hold TO warchest_journey;

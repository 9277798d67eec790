-- What opens balances and what holds change in them; posting is in post.sql.
--
-- Balances are written in place: room in their page keeps a change from touching the index. A fillfactor alone would keep it
-- free, but PostgreSQL takes a page that is full up to there for one to be tidied: every second look would tidy it, and log
-- that. So a row takes twice its place until it is first changed, and lets go of it then (`room`). Rows fill two thirds of a
-- page, their first changes the last third; from then on they take one third, and forty changes go by until two are full again.

-- An account with a floor has its balance row from the moment it opens.
CREATE OR REPLACE FUNCTION ledger_open_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO ledger_balance (account_id, side, posted_minor, held_minor, short, room)
    SELECT NEW.id, side, 0, 0, false, repeat(' ', 60) FROM ledger_book WHERE code = NEW.book_id AND floored;
    RETURN NULL;
END $$;

-- What a hold sets aside follows the hold's own row; a closed hold never opens again.
CREATE OR REPLACE FUNCTION ledger_follow_hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE ledger_balance SET held_minor = held_minor + NEW.amount_minor, room = NULL
         WHERE account_id = NEW.account_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'only an account with a floor can be held' USING ERRCODE = 'check_violation',
                CONSTRAINT = 'hold_needs_floor';
        END IF;
    ELSE
        IF OLD.state <> 'open' OR NEW.state = 'open' OR NEW.amount_minor <> OLD.amount_minor
           OR NEW.account_id <> OLD.account_id THEN
            RAISE EXCEPTION 'a closed hold stays as it is' USING ERRCODE = 'WC001';
        END IF;
        UPDATE ledger_balance SET held_minor = held_minor - OLD.amount_minor, room = NULL
         WHERE account_id = OLD.account_id;
    END IF;
    RETURN NULL;
END $$;

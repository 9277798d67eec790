-- How lots are read and taken from: two functions, each one round trip, whatever the number of spends.
--
-- Both go from row to row on purpose. Each step finds its row by one key, for which PostgreSQL keeps one plan, an index scan,
-- for ever; for arrays it plans anew at every call, which takes longer than the work, or reads whole tables with a plan that
-- it made for many.

-- Lock wallets, in the order of their ids so that no two who lock several wait for each other, and answer their open lots:
-- a row each, one without a lot where a wallet has none open, and none for a wallet that does not exist.
--
-- The lots are read by a statement of their own, which begins when the lock is held: so it sees what the last holder of the
-- lock has left, and the lots that he opened. One statement for both would read them as they were before it waited.
CREATE FUNCTION charging_lock(players uuid[])
RETURNS TABLE (player uuid, state varchar, lot uuid, source varchar, units bigint, reserved bigint,
               consideration bigint, currency varchar, transferable boolean, expires_at timestamptz,
               opened_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    FOR player IN SELECT DISTINCT asked FROM unnest(players) AS asked ORDER BY asked LOOP
        SELECT wallet.state INTO state FROM charging_wallet AS wallet
         WHERE wallet.player_id = charging_lock.player FOR NO KEY UPDATE;
        CONTINUE WHEN NOT FOUND;
        RETURN QUERY
            SELECT charging_lock.player, charging_lock.state, lot.id, lot.source, lot.units_left_minor, lot.reserved_minor,
                   lot.consideration_left_minor, lot.currency, lot.transferable, lot.expires_at, lot.opened_at
              FROM charging_lot AS lot WHERE lot.wallet_id = charging_lock.player AND lot.is_open;
        IF NOT FOUND THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

-- Take slices from lots whose wallets are locked: the same place in each array is one slice. Several may be of one lot.
-- It runs with the owner's rights: those who run the business may call it, and cannot shrink a lot without a slice, or
-- write a slice without shrinking its lot.
CREATE FUNCTION charging_take(use text, at timestamptz, ids uuid[], lots uuid[], refs text[], units bigint[],
                              considerations bigint[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    FOR place IN 1 .. cardinality(ids) LOOP
        INSERT INTO charging_lotslice (id, lot_id, use, reference, units_minor, consideration_minor, occurred_at)
        VALUES (ids[place], lots[place], use, refs[place], units[place], considerations[place], at);
        UPDATE charging_lot AS lot
           SET units_left_minor = lot.units_left_minor - units[place],
               consideration_left_minor = lot.consideration_left_minor - considerations[place]
         WHERE lot.id = lots[place];
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no lot %', lots[place] USING ERRCODE = 'WC001';
        END IF;
    END LOOP;
END $$;

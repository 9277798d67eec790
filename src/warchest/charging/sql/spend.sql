-- How lots are read and taken from: two functions, each one round trip, whatever the number of spends.

-- Lock wallets, in the order of their ids so that no two who lock several wait for each other, and answer their open lots:
-- a row each, one without a lot where a wallet has none open, and none for a wallet that does not exist.
--
-- Two statements on purpose: the second one begins when the locks are held, so that it sees what the last holder of a lock
-- has left and the lots that he opened. One statement would read them as they were before it waited.
CREATE FUNCTION charging_lock(players uuid[])
RETURNS TABLE (player uuid, state varchar, lot uuid, source varchar, units bigint, reserved bigint,
               consideration bigint, currency varchar, transferable boolean, expires_at timestamptz,
               opened_at timestamptz)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM charging_wallet AS wallet WHERE wallet.player_id = ANY (players)
      ORDER BY wallet.player_id FOR NO KEY UPDATE;
    RETURN QUERY
        SELECT wallet.player_id, wallet.state, lot.id, lot.source, lot.units_left_minor, lot.reserved_minor,
               lot.consideration_left_minor, lot.currency, lot.transferable, lot.expires_at, lot.opened_at
          FROM charging_wallet AS wallet
          LEFT JOIN charging_lot AS lot ON lot.wallet_id = wallet.player_id AND lot.is_open
         WHERE wallet.player_id = ANY (players);
END $$;

-- Take slices from lots whose wallets are locked: the same place in each array is one slice. Several may be of one lot.
-- It runs with the owner's rights: those who run the business may call it, and cannot shrink a lot without a slice, or
-- write a slice without shrinking its lot.
CREATE FUNCTION charging_take(use text, at timestamptz, ids uuid[], lots uuid[], refs text[], units bigint[],
                              considerations bigint[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    taken_from int;
BEGIN
    INSERT INTO charging_lotslice (id, lot_id, use, reference, units_minor, consideration_minor, occurred_at)
    SELECT slice.id, slice.lot_id, use, slice.reference, slice.units, slice.consideration, at
      FROM unnest(ids, lots, refs, units, considerations) AS slice(id, lot_id, reference, units, consideration);

    UPDATE charging_lot AS lot
       SET units_left_minor = lot.units_left_minor - taken.units,
           consideration_left_minor = lot.consideration_left_minor - taken.consideration
      FROM (SELECT slice.lot_id, sum(slice.units)::bigint AS units,
                   sum(slice.consideration)::bigint AS consideration
              FROM unnest(lots, units, considerations) AS slice(lot_id, units, consideration)
             GROUP BY slice.lot_id) AS taken
     WHERE lot.id = taken.lot_id;
    GET DIAGNOSTICS taken_from = ROW_COUNT;
    IF taken_from <> (SELECT count(DISTINCT lot_id) FROM unnest(lots) AS slice(lot_id)) THEN
        RAISE EXCEPTION 'a slice names a lot that does not exist' USING ERRCODE = 'WC001';
    END IF;
END $$;

-- How lots are read and taken from: two functions, each one round trip, and each two statements for all spends of a set.
--
-- A statement for each spend would check the table's rules anew from their stored text each time, which takes longer than
-- the work. Plans are kept for arrays of every length, and may only look rows up by index, one by one: planned for what
-- they are given, they would be planned at every call; planned while tables are small, they would read whole ones.

-- Lock wallets, in the order of their ids so that no two who lock several wait for each other, and answer their open lots:
-- a row each, one without a lot where a wallet has none open, and none for a wallet that does not exist.
--
-- The lots are read by a statement of their own, which begins when the locks are held: so it sees what the last holders of
-- the locks have left, and the lots that they opened. One statement for both would read them as they were before it waited.
CREATE OR REPLACE FUNCTION charging_lock(players uuid[])
RETURNS TABLE (player uuid, state varchar, lot uuid, source varchar, units bigint, reserved bigint,
               consideration bigint, currency varchar, transferable boolean, expires_at timestamptz,
               opened_at timestamptz)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    held uuid[];
    states varchar[];
BEGIN
    SELECT array_agg(w.player_id), array_agg(w.state) INTO held, states
      FROM (SELECT wallet.player_id, wallet.state
              FROM (SELECT DISTINCT asked FROM unnest(players) AS asked) AS a
              JOIN charging_wallet AS wallet ON wallet.player_id = a.asked
             ORDER BY wallet.player_id
               FOR NO KEY UPDATE OF wallet) AS w;
    RETURN QUERY
        SELECT w.player, w.state, lot.id, lot.source, lot.units_left_minor, lot.reserved_minor,
               lot.consideration_left_minor, lot.currency, lot.transferable, lot.expires_at, lot.opened_at
          FROM unnest(held, states) AS w(player, state)
          LEFT JOIN charging_lot AS lot ON lot.wallet_id = w.player AND lot.is_open;
END $$;

-- Take slices from lots whose wallets are locked: the same place in each array is one slice. Several may be of one lot.
-- It runs with the owner's rights: those who run the business may call it, and cannot shrink a lot without a slice, or
-- write a slice without shrinking its lot.
CREATE OR REPLACE FUNCTION charging_take(use text, at timestamptz, ids uuid[], lots uuid[], refs text[], units bigint[],
                                         considerations bigint[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_variable
DECLARE
    shrunk int;
BEGIN
    INSERT INTO charging_lotslice (id, lot_id, use, reference, units_minor, consideration_minor, occurred_at)
    SELECT s.id, s.lot, use, s.ref, s.units, s.consideration, at
      FROM unnest(ids, lots, refs, units, considerations) AS s(id, lot, ref, units, consideration);

    UPDATE charging_lot AS lot
       SET units_left_minor = lot.units_left_minor - taken.units,
           consideration_left_minor = lot.consideration_left_minor - taken.consideration
      FROM (SELECT s.lot, sum(s.units)::bigint AS units, sum(s.consideration)::bigint AS consideration
              FROM unnest(lots, units, considerations) AS s(lot, units, consideration)
             GROUP BY s.lot) AS taken
     WHERE lot.id = taken.lot;
    GET DIAGNOSTICS shrunk = ROW_COUNT;
    IF shrunk <> (SELECT count(DISTINCT s.lot) FROM unnest(lots) AS s(lot)) THEN
        RAISE EXCEPTION 'there is no lot %',
            (SELECT min(s.lot::text) FROM unnest(lots) AS s(lot)
              WHERE NOT EXISTS (SELECT FROM charging_lot AS there WHERE there.id = s.lot))
            USING ERRCODE = 'WC001';
    END IF;
END $$;

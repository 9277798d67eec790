-- Write down the commissions of sales, of one or of many at once.
--
-- sales: [{sale, buyer, entry_id, plan, rates_bps, base_minor, currency, earned_at, ids, amounts_minor}]: one for each
--        sale and currency, the last three arrays with an element for each level of the plan, level 1 first.
-- Answers who stands on the levels above the buyer of each (number: its place in sales, from 1), the own sponsor first.
--
-- Rows are looked up one by one, by index: see runtime/sql/journeys.sql. Nothing is locked: the tree never changes.
CREATE FUNCTION referrals_earn(sales jsonb) RETURNS TABLE (number bigint, sponsors uuid[])
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE above AS (
        -- Each level brings its sale along: joined to it afterwards, each would be compared with every other.
        SELECT s.number, 1 AS level, node.sponsor_id AS sponsor, s.sale, s.buyer, s.entry_id, s.plan, s.rates_bps,
               s.base_minor, s.currency, s.earned_at, s.ids, s.amounts_minor
          FROM ROWS FROM (jsonb_to_recordset(sales) AS (
                   sale uuid, buyer uuid, entry_id uuid, plan int, rates_bps int[], base_minor bigint, currency text,
                   earned_at timestamptz, ids uuid[], amounts_minor bigint[]))
               WITH ORDINALITY AS s(sale, buyer, entry_id, plan, rates_bps, base_minor, currency, earned_at, ids,
                                    amounts_minor, number)
          JOIN referrals_node AS node ON node.player = s.buyer
         WHERE node.sponsor_id IS NOT NULL
        UNION ALL
        SELECT a.number, a.level + 1, node.sponsor_id, a.sale, a.buyer, a.entry_id, a.plan, a.rates_bps, a.base_minor,
               a.currency, a.earned_at, a.ids, a.amounts_minor
          FROM above AS a JOIN referrals_node AS node ON node.player = a.sponsor
         WHERE node.sponsor_id IS NOT NULL AND a.level < cardinality(a.amounts_minor)),
    earned AS (
        INSERT INTO referrals_commission (id, sponsor, buyer, sale, entry_id, level, plan_id, base_minor, rate_bps,
                                          amount_minor, currency, state, earned_at)
        SELECT a.ids[a.level], a.sponsor, a.buyer, a.sale, a.entry_id, a.level, a.plan, a.base_minor,
               a.rates_bps[a.level], a.amounts_minor[a.level], a.currency, 'on_hold', a.earned_at
          FROM above AS a
         WHERE a.amounts_minor[a.level] > 0)
    SELECT a.number, array_agg(a.sponsor ORDER BY a.level) FROM above AS a GROUP BY a.number;
END $$;

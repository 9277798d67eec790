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
    WITH RECURSIVE sold AS MATERIALIZED (
        SELECT s.*
          FROM ROWS FROM (jsonb_to_recordset(sales) AS (
                   sale uuid, buyer uuid, entry_id uuid, plan int, rates_bps int[], base_minor bigint, currency text,
                   earned_at timestamptz, ids uuid[], amounts_minor bigint[]))
               WITH ORDINALITY AS s(sale, buyer, entry_id, plan, rates_bps, base_minor, currency, earned_at, ids,
                                    amounts_minor, number)),
    above AS (
        SELECT sold.number, node.sponsor_id AS sponsor, 1 AS level, cardinality(sold.amounts_minor) AS levels
          FROM sold JOIN referrals_node AS node ON node.player = sold.buyer
         WHERE node.sponsor_id IS NOT NULL
        UNION ALL
        SELECT above.number, node.sponsor_id, above.level + 1, above.levels
          FROM above JOIN referrals_node AS node ON node.player = above.sponsor
         WHERE node.sponsor_id IS NOT NULL AND above.level < above.levels),
    earned AS (
        INSERT INTO referrals_commission (id, sponsor, buyer, sale, entry_id, level, plan_id, base_minor, rate_bps,
                                          amount_minor, currency, state, earned_at)
        SELECT sold.ids[above.level], above.sponsor, sold.buyer, sold.sale, sold.entry_id, above.level, sold.plan,
               sold.base_minor, sold.rates_bps[above.level], sold.amounts_minor[above.level], sold.currency, 'on_hold',
               sold.earned_at
          FROM above JOIN sold ON sold.number = above.number
         WHERE sold.amounts_minor[above.level] > 0)
    SELECT above.number, array_agg(above.sponsor ORDER BY above.level) FROM above GROUP BY above.number;
END $$;

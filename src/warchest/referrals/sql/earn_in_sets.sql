-- Write down the commissions of sales, of one or of many at once.
--
-- buyers, sales, entries, plans, bases, currencies, moments: an element for each sale and currency; levels: how many its plan
--        has; before: how many levels those before it have.
-- ids, rates, amounts: an element for each level of each, level 1 first.
-- Answers who stands on the levels above the buyer of each (number: its place, from 1), the own sponsor first.
--
-- Only the place goes up the tree, and the rest is fetched by it: an array's element costs less than a column carried along.
-- Rows are looked up one by one, by index, with a plan that holds for arrays of every length. Nothing is locked: the tree
-- never changes.
CREATE FUNCTION referrals_earn_in_sets(buyers uuid[], sales uuid[], entries uuid[], plans int[], bases bigint[],
                                       currencies text[], moments timestamptz[], levels int[], before int[], ids uuid[],
                                       rates int[], amounts bigint[])
RETURNS TABLE (number bigint, sponsors uuid[])
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE above AS (
        SELECT s.number, 1 AS level, node.sponsor_id AS sponsor
          FROM unnest(buyers) WITH ORDINALITY AS s(buyer, number)
          JOIN referrals_node AS node ON node.player = s.buyer
         WHERE node.sponsor_id IS NOT NULL
        UNION ALL
        SELECT a.number, a.level + 1, node.sponsor_id
          FROM above AS a JOIN referrals_node AS node ON node.player = a.sponsor
         WHERE node.sponsor_id IS NOT NULL AND a.level < levels[a.number]),
    earned AS (
        INSERT INTO referrals_commission (id, sponsor, buyer, sale, entry_id, level, plan_id, base_minor, rate_bps,
                                          amount_minor, currency, state, earned_at)
        SELECT ids[before[a.number] + a.level], a.sponsor, buyers[a.number], sales[a.number], entries[a.number], a.level,
               plans[a.number], bases[a.number], rates[before[a.number] + a.level],
               amounts[before[a.number] + a.level], currencies[a.number], 'on_hold', moments[a.number]
          FROM above AS a
         WHERE amounts[before[a.number] + a.level] > 0)
    SELECT a.number, array_agg(a.sponsor ORDER BY a.level) FROM above AS a GROUP BY a.number;
END $$;

-- Granting time, to one or to many at once. Rows are looked up one by one, by index: see runtime/sql/journeys.sql.

-- Lock the subscriptions of these players and online services: [{player, online_service}], none twice. Answers those that
-- exist. Of one that does not, its place is locked: nobody else can begin it meanwhile.
--
-- The order of locks: places, then rows, each by player and online service. Journeys lock wallets only after these.
CREATE FUNCTION subscriptions_lock(places jsonb) RETURNS SETOF subscriptions_subscription
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('subscription ' || p.player || p.online_service, 0))
       FROM (SELECT w.player, w.online_service
               FROM jsonb_to_recordset(places) AS w(player uuid, online_service uuid)
              WHERE NOT EXISTS (SELECT FROM subscriptions_subscription AS s
                                 WHERE s.player = w.player AND s.online_service = w.online_service)
              ORDER BY w.player, w.online_service) AS p;

    -- A statement of its own, so that it sees what was begun by whoever was waited for.
    RETURN QUERY
    SELECT s.*
      FROM jsonb_to_recordset(places) AS p(player uuid, online_service uuid)
      JOIN subscriptions_subscription AS s ON s.player = p.player AND s.online_service = p.online_service
     ORDER BY s.player, s.online_service
       FOR UPDATE OF s;
END $$;

-- Write down what was granted.
--
-- begun: new subscriptions, moved: those that were locked before, as they are now: [{id, player, online_service, plan,
--        starts_at, ends_at, anchor_day}];
-- grants: [{id, subscription, player, online_service, source, plan, starts_at, ends_at, since (when the stretch of time
--        began that this one belongs to), entry_id, reference, granted_at, net: [{currency, minor}]}], in their order.
CREATE FUNCTION subscriptions_grant(begun jsonb, moved jsonb, grants jsonb) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    INSERT INTO subscriptions_subscription (id, player, online_service, plan, starts_at, ends_at, anchor_day, state)
    SELECT b.id, b.player, b.online_service, b.plan, b.starts_at, b.ends_at, b.anchor_day, 'active'
      FROM jsonb_to_recordset(begun) AS b(id uuid, player uuid, online_service uuid, plan uuid,
                                          starts_at timestamptz, ends_at timestamptz, anchor_day smallint);

    UPDATE subscriptions_subscription AS s
       SET plan = m.plan, starts_at = m.starts_at, ends_at = m.ends_at, anchor_day = m.anchor_day
      FROM jsonb_to_recordset(moved) AS m(id uuid, plan uuid, starts_at timestamptz, ends_at timestamptz,
                                          anchor_day smallint)
     WHERE s.id = m.id;

    WITH granted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(grants) AS g(
            id uuid, subscription uuid, player uuid, online_service uuid, source text, plan uuid,
            starts_at timestamptz, ends_at timestamptz, since timestamptz, entry_id uuid, reference text,
            granted_at timestamptz, net jsonb)),
    kept AS (
        INSERT INTO subscriptions_grant (id, subscription_id, source, plan, starts_at, ends_at, entry_id, reference,
                                         granted_at)
        SELECT g.id, g.subscription, g.source, g.plan, g.starts_at, g.ends_at, g.entry_id, g.reference, g.granted_at
          FROM granted AS g),
    deferred AS (
        INSERT INTO subscriptions_deferral (grant_id, currency, net_minor, recognised_minor, starts_at, ends_at)
        SELECT g.id, n.currency, n.minor, 0, g.starts_at, g.ends_at
          FROM granted AS g, jsonb_to_recordset(g.net) AS n(currency text, minor bigint))
    -- Behind the change before it, even if that one was made in a transaction that began later: see runtime.outbox.
    INSERT INTO subscriptions_entitlementchange (transaction, player, online_service, starts_at, until, source,
                                                 occurred_at)
    SELECT greatest(pg_current_xact_id()::text::bigint,
                    (SELECT max(earlier.transaction) FROM subscriptions_entitlementchange AS earlier
                      WHERE earlier.player = g.player AND earlier.online_service = g.online_service)),
           g.player, g.online_service, g.since, g.ends_at, g.source, g.granted_at
      FROM granted AS g;
END $$;

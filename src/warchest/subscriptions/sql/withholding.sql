-- Time is taken back for money that goes back: withheld while the provider decides, then gone or granted again.

-- A term that was granted stays, except that its end, unserved, may be cut off, and that terms behind it move up.
DROP TRIGGER append_only ON subscriptions_grant;
CREATE FUNCTION subscriptions_keep_grant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.subscription_id, NEW.source, NEW.plan, NEW.entry_id, NEW.reference, NEW.granted_at,
                            NEW.recorded_at)
                           IS DISTINCT FROM
                           (OLD.id, OLD.subscription_id, OLD.source, OLD.plan, OLD.entry_id, OLD.reference, OLD.granted_at,
                            OLD.recorded_at)
       OR NEW.starts_at > OLD.starts_at OR NEW.ends_at > OLD.ends_at
       OR NEW.ends_at - NEW.starts_at > OLD.ends_at - OLD.starts_at THEN
        RAISE EXCEPTION 'what was granted is never changed; a term may become shorter, or begin earlier'
            USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON subscriptions_grant
    FOR EACH ROW EXECUTE FUNCTION subscriptions_keep_grant();

-- What is withheld is decided once.
CREATE FUNCTION subscriptions_keep_withholding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'held'
       OR (NEW.id, NEW.reference, NEW.grant_id, NEW.seconds, NEW.currency, NEW.net_minor, NEW.held_at)
          IS DISTINCT FROM
          (OLD.id, OLD.reference, OLD.grant_id, OLD.seconds, OLD.currency, OLD.net_minor, OLD.held_at) THEN
        RAISE EXCEPTION 'what was withheld is taken or given back once, and never changed' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON subscriptions_withholding
    FOR EACH ROW EXECUTE FUNCTION subscriptions_keep_withholding();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON subscriptions_withholding
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
REVOKE DELETE, TRUNCATE ON subscriptions_withholding FROM warchest_journey;

-- Cut so many seconds, and so much of what is deferred, off the unserved end of a grant whose subscription is locked; what
-- was granted behind it moves up. With the owner's rights: nobody else shortens a term. Answers false, and changes nothing,
-- where less is left to serve or to earn.
CREATE FUNCTION subscriptions_withhold(of_grant uuid, cut_seconds bigint, unit text, net bigint, at timestamptz)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    cut interval := make_interval(secs => cut_seconds);
    short subscriptions_grant;
    later uuid;
BEGIN
    SELECT * INTO STRICT short FROM subscriptions_grant WHERE id = of_grant;
    IF short.ends_at - cut < greatest(at, short.starts_at)
       OR net > coalesce((SELECT net_minor - recognised_minor FROM subscriptions_deferral
                           WHERE grant_id = of_grant AND currency = unit), 0) THEN
        RETURN false;
    END IF;
    UPDATE subscriptions_grant SET ends_at = ends_at - cut WHERE id = of_grant;
    UPDATE subscriptions_deferral SET ends_at = ends_at - cut,
           net_minor = net_minor - CASE WHEN currency = unit THEN net ELSE 0 END
     WHERE grant_id = of_grant;
    -- One after the other, the earliest first: no two terms ever overlap.
    FOR later IN SELECT id FROM subscriptions_grant
                  WHERE subscription_id = short.subscription_id AND starts_at >= short.ends_at AND id <> of_grant
                  ORDER BY starts_at LOOP
        UPDATE subscriptions_grant SET starts_at = starts_at - cut, ends_at = ends_at - cut WHERE id = later;
        UPDATE subscriptions_deferral SET starts_at = starts_at - cut, ends_at = ends_at - cut WHERE grant_id = later;
    END LOOP;
    UPDATE subscriptions_subscription SET ends_at = ends_at - cut WHERE id = short.subscription_id;
    PERFORM subscriptions_tell_change(short.subscription_id, short.source, at);
    RETURN true;
END $$;

-- Tell game servers until when the right lasts now; behind the change before it, as in subscriptions_grant.
CREATE FUNCTION subscriptions_tell_change(of_subscription uuid, because text, at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO subscriptions_entitlementchange (transaction, player, online_service, starts_at, until, source, occurred_at)
    SELECT greatest(pg_current_xact_id()::text::bigint,
                    (SELECT max(earlier.transaction) FROM subscriptions_entitlementchange AS earlier
                      WHERE earlier.player = s.player AND earlier.online_service = s.online_service)),
           s.player, s.online_service, s.starts_at, s.ends_at, because, at
      FROM subscriptions_subscription AS s WHERE s.id = of_subscription
$$;

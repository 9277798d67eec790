-- What a pass is never changes; of what was paid for it only that it is earned, once.

CREATE FUNCTION subscriptions_keep_pass_deferral() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.held_id, NEW.currency, NEW.net_minor, NEW.ends_at)
                           IS DISTINCT FROM (OLD.id, OLD.held_id, OLD.currency, OLD.net_minor, OLD.ends_at)
       OR NEW.recognised_minor < OLD.recognised_minor THEN
        RAISE EXCEPTION 'what was paid for a pass is never changed, and earned once' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON subscriptions_passdeferral
    FOR EACH ROW EXECUTE FUNCTION subscriptions_keep_pass_deferral();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON subscriptions_passdeferral
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON subscriptions_passdeferral FROM warchest_journey;
GRANT UPDATE (recognised_minor) ON subscriptions_passdeferral TO warchest_journey;

-- What the database itself guarantees of subscriptions, whoever writes to them.

-- Two terms of one subscription never overlap: no day is granted twice.
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER TABLE subscriptions_grant ADD CONSTRAINT terms_apart
    EXCLUDE USING gist (subscription_id WITH =, tstzrange(starts_at, ends_at) WITH &&);

-- Of a deferral only what has been recognised changes, and only upwards.
CREATE FUNCTION subscriptions_refuse_unearning() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'revenue once recognised is not taken back here' USING ERRCODE = 'WC001';
END $$;
CREATE TRIGGER only_upwards BEFORE UPDATE ON subscriptions_deferral
    FOR EACH ROW WHEN (NEW.recognised_minor < OLD.recognised_minor)
    EXECUTE FUNCTION subscriptions_refuse_unearning();
REVOKE UPDATE, DELETE, TRUNCATE ON subscriptions_deferral FROM warchest_journey;
GRANT UPDATE (recognised_minor) ON subscriptions_deferral TO warchest_journey;
REVOKE DELETE, TRUNCATE ON subscriptions_subscription FROM warchest_journey;

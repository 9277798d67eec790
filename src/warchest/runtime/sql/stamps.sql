-- Facts that seldom change (prices, tax rates) are kept by every process for as long as their stamp stays the same. It is
-- renewed in the transaction that changes them, by whatever door; a random one, so that no two databases ever share it.
CREATE FUNCTION warchest_restamp() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO runtime_stamp (name, stamp) VALUES (TG_ARGV[0], gen_random_uuid())
    ON CONFLICT (name) DO UPDATE SET stamp = excluded.stamp;
    RETURN NULL;
END $$;

REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON runtime_stamp FROM warchest_journey;

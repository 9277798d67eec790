-- A person's key is made once and destroyed once: whoever was erased stays erased.
CREATE FUNCTION members_keep_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.player <> OLD.player OR NEW.made_at <> OLD.made_at OR NEW.wrapped IS NOT NULL THEN
        RAISE EXCEPTION 'a key is never changed, only destroyed' USING ERRCODE = 'WC001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep BEFORE UPDATE ON members_personkey FOR EACH ROW EXECUTE FUNCTION members_keep_key();
CREATE TRIGGER never_deleted BEFORE DELETE ON members_personkey
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON members_personkey
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

REVOKE DELETE, TRUNCATE ON members_personkey FROM warchest_journey;

-- What a provider was told, and what it said, is never changed.
CREATE FUNCTION payments_keep_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was told of a payment is never changed' USING ERRCODE = 'WC001';
END $$;

CREATE TRIGGER keep_told BEFORE UPDATE ON payments_payment
    FOR EACH ROW WHEN ((NEW.provider, NEW.return_url, NEW.language, NEW.country)
                       IS DISTINCT FROM (OLD.provider, OLD.return_url, OLD.language, OLD.country))
    EXECUTE FUNCTION payments_keep_told();

REVOKE UPDATE ON payments_attempt, payments_receivednotice FROM warchest_journey;
GRANT UPDATE (answered_at, answer) ON payments_attempt TO warchest_journey;
GRANT UPDATE (copies, processed_at, outcome, next_try_at, tries, problem) ON payments_receivednotice
    TO warchest_journey;

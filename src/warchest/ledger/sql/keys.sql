-- Which keys were posted under, by a digest of each: the text itself stands in the journal, so here it would only be there twice
-- more, in a row and in an index that every sale writes.

-- Ten bytes of the SHA-256 of the key, behind six of the SHA-256 of its beginning. Keys that are made one after the other begin
-- alike, and so their digests lie together: of an index that has outgrown the memory a sale must not write a page at random,
-- which would have to be fetched, and after each checkpoint to be logged whole. Most keys end in an identifier of version 7
-- (RFC 9562, section 5.7): but for its last 28 characters they are the same for 65 seconds. Shorter ones are mostly numbered.
--
-- Who would find two keys of one digest has to try some 2^40 of one beginning, and all that he gets is that his own second entry
-- is refused: what a key was posted with is compared with the journal, the key's text included. For somebody else's it is 2^80.
-- It is STABLE, since convert_to is; so the planner writes it out where it is used. It may never change: what was posted would
-- not be found again. `prove` says it anew (invariants.py).
CREATE FUNCTION ledger_key_digest(key text) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT encode(substr(sha256(convert_to(left(key, CASE WHEN length(key) < 36 THEN -3 ELSE -28 END), 'UTF8')), 1, 6)
                  || substr(sha256(convert_to(key, 'UTF8')), 1, 10), 'hex')::uuid
$$;

GRANT EXECUTE ON FUNCTION ledger_key_digest(text) TO warchest_reader;

-- A table of its own, since a unique key cannot span the journal's months.
CREATE TABLE ledger_postedkey (
    digest uuid PRIMARY KEY,
    entry_id uuid NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_postedkey
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger_postedkey
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
REVOKE ALL ON ledger_postedkey FROM warchest_journey;
GRANT SELECT ON ledger_postedkey TO warchest_journey;

-- Until all keys are here, and for as long as servers of the version before post, what they write comes along. Where one of ours
-- has just posted the same, they begin again, and see it.
CREATE FUNCTION ledger_take_key() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO ledger_postedkey (digest, entry_id) VALUES (ledger_key_digest(NEW.key), NEW.entry_id);
    RETURN NEW;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'a key was posted at the same moment' USING ERRCODE = 'serialization_failure';
END $$;
CREATE TRIGGER take_key AFTER INSERT ON ledger_entrykey FOR EACH ROW EXECUTE FUNCTION ledger_take_key();

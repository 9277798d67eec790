-- Sealing: settled entries are taken, in the order of the books, into blocks that form a chain. Each block keeps the
-- digest of every entry and, by its own hash, all that stands in it and in the block before. Nothing here lies in the way
-- of a sale: the entry was committed before, and only the sealer writes these tables.

-- The hash of a block: that of the block before, its number, its range, how many entries are sealed with it, its moment,
-- the entries' ids and their digests.
CREATE FUNCTION ledger_seal_hash(s ledger_seal) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(s.previous || int8send(s.number) || int8send(s.first_position) || int8send(s.last_position)
                  || int8send(s.entries) || int8send((extract(epoch FROM s.sealed_at) * 1000000)::bigint)
                  || convert_to(s.ids::text, 'UTF8') || s.digests)
$$;

-- Seal the next entries, at most so many, as one block; answers how many, 0 when all that is settled is sealed.
--
-- What is sealed of an entry is the SHA-256 of a text that no setting of a session changes and that has one reading: a JSON
-- array of all its columns, moments as microseconds since 1970, each account with the book, owner and currency that its
-- number means. The one who checks says the same anew (seal_checks.py).
--
-- Only settled positions are taken (see fold.sql): no transaction is open any more that could still bring a lower one, so
-- what comes into a block's range later was put there by force. Any number of workers may call it: one works, the others
-- answer 0. A block is one row, so a worker that is killed leaves nothing.
CREATE FUNCTION ledger_seal_next(entries_max int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    block ledger_seal;
    taken int;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('ledger_seal_next')) THEN
        RETURN 0;
    END IF;
    -- A statement of its own: it must see the block of whoever had the lock before.
    SELECT s.number, s.last_position, s.entries, s.hash
      INTO block.number, block.last_position, block.entries, block.previous
      FROM ledger_seal AS s ORDER BY s.number DESC LIMIT 1;
    block.number := coalesce(block.number, 0) + 1;
    block.first_position := coalesce(block.last_position, 0) + 1;
    block.previous := coalesce(block.previous, '\x0000000000000000000000000000000000000000000000000000000000000000');

    SELECT max(next.position), array_agg(next.id ORDER BY next.position),
           string_agg(next.digest, '' ORDER BY next.position), count(*)
      INTO block.last_position, block.ids, block.digests, taken
      FROM (SELECT e.position, e.id,
                   sha256(convert_to(json_build_array(
                       e.position, (extract(epoch FROM e.occurred_at) * 1000000)::bigint,
                       (extract(epoch FROM e.recorded_at) * 1000000)::bigint, e.id, e.reverses_id, e.cluster, e.kind,
                       e.key, e.reference, e.details::text, e.sides, e.currencies, e.amounts,
                       (SELECT json_agg(json_build_array(l.account_id, a.book_id, a.owner, a.currency) ORDER BY l.leg)
                          FROM unnest(e.accounts) WITH ORDINALITY AS l(account_id, leg)
                          LEFT JOIN ledger_account AS a ON a.id = l.account_id))::text, 'UTF8')) AS digest
              FROM ledger_journalentry AS e
             WHERE e.position >= block.first_position
               AND e.position <= (SELECT w.settled_position FROM ledger_watermark AS w)
             ORDER BY e.position LIMIT entries_max) AS next;
    IF taken > 0 THEN
        block.entries := coalesce(block.entries, 0) + taken;
        block.sealed_at := clock_timestamp();
        block.hash := ledger_seal_hash(block);
        INSERT INTO ledger_seal SELECT (block).*;
    END IF;
    RETURN taken;
END $$;

-- Digests are random: trying to compress them only costs time.
ALTER TABLE ledger_seal ALTER COLUMN ids SET STORAGE EXTERNAL, ALTER COLUMN digests SET STORAGE EXTERNAL;

REVOKE ALL ON FUNCTION ledger_seal_hash(ledger_seal) FROM PUBLIC, warchest_journey;
REVOKE ALL ON ledger_seal FROM warchest_journey;
GRANT SELECT ON ledger_seal TO warchest_journey;

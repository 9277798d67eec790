-- Posting. A caller that has seen an account names it by its number, and by its names otherwise, so that most calls look no
-- account up (numbers.py says why that is safe). Only ledger_post has the rights to write; what helps it works within it.

-- The numbers of accounts by their names, in the order given. Those that are missing are opened, in the order of their names,
-- so that two who open the same wait for each other and never in a ring; null where there is no such book.
CREATE OR REPLACE FUNCTION ledger_numbers(books text[], owners text[], units text[]) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    numbers int[];
BEGIN
    FOR look IN 1 .. 2 LOOP
        SELECT array_agg(a.id ORDER BY n.place) INTO numbers
          FROM unnest(books, owners, units) WITH ORDINALITY AS n(book, owner, unit, place)
          LEFT JOIN ledger_account AS a ON a.book_id = n.book AND a.owner = n.owner AND a.currency = n.unit;
        EXIT WHEN look = 2 OR array_position(numbers, NULL) IS NULL;
        INSERT INTO ledger_account (book_id, owner, currency, debit_minor, credit_minor)
        SELECT n.book, n.owner, n.unit, 0, 0 FROM unnest(books, owners, units) AS n(book, owner, unit)
         WHERE EXISTS (SELECT FROM ledger_book AS b WHERE b.code = n.book)
         ORDER BY 1, 2, 3
        ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN numbers;
END $$;

-- Which of the drafts the balances bear, one after the other, where they do not bear them all. The balances are locked by
-- the set's UPDATE, which has moved those that are not short. `nets` are debits less credits, leg by leg.
CREATE OR REPLACE FUNCTION ledger_decide_in_turn(candidates boolean[], first_legs int[], legs int[], nets bigint[]) RETURNS boolean[]
LANGUAGE plpgsql AS $$
DECLARE
    numbers int[];
    -- Of each of these accounts, by its place: 1 where it grows by debits, -1 by credits, null without a floor.
    signs int[];
    available bigint[];
    places int[];
    bears boolean;
BEGIN
    SELECT array_agg(m.account ORDER BY m.account),
           array_agg(CASE b.side WHEN 'D' THEN 1 WHEN 'C' THEN -1 END ORDER BY m.account),
           array_agg(b.posted_minor - b.held_minor
                     - CASE WHEN b.short THEN 0 WHEN b.side = 'D' THEN m.net ELSE -m.net END ORDER BY m.account)
      INTO numbers, signs, available
      FROM (SELECT l.account, coalesce(sum(l.net) FILTER (WHERE candidates[l.draft]), 0) AS net
              FROM ledger_legs_of(first_legs, legs, nets) AS l WHERE l.account IS NOT NULL GROUP BY l.account) AS m
      LEFT JOIN ledger_balance AS b ON b.account_id = m.account;
    SELECT array_agg(array_position(numbers, l.account) ORDER BY l.n) INTO places
      FROM unnest(legs) WITH ORDINALITY AS l(account, n);

    FOR n IN 1 .. cardinality(candidates) LOOP
        CONTINUE WHEN NOT candidates[n];
        FOR l IN first_legs[n] .. first_legs[n + 1] - 1 LOOP
            available[places[l]] := available[places[l]] + signs[places[l]] * nets[l];
        END LOOP;
        -- An entry may move an account twice; only its result counts.
        bears := true;
        FOR l IN first_legs[n] .. first_legs[n + 1] - 1 LOOP
            bears := bears AND coalesce(available[places[l]] >= 0, true);
        END LOOP;
        IF NOT bears THEN
            candidates[n] := false;
            FOR l IN first_legs[n] .. first_legs[n + 1] - 1 LOOP
                available[places[l]] := available[places[l]] - signs[places[l]] * nets[l];
            END LOOP;
        END IF;
    END LOOP;
    RETURN candidates;
END $$;

-- The legs of a set, each with the number of its draft.
CREATE OR REPLACE FUNCTION ledger_legs_of(first_legs int[], legs int[], nets bigint[])
RETURNS TABLE (draft int, account int, net bigint) LANGUAGE sql IMMUTABLE AS $$
    SELECT d.n::int, legs[l], nets[l]
      FROM unnest(first_legs[: cardinality(first_legs) - 1]) WITH ORDINALITY AS d(first, n),
           generate_series(d.first, first_legs[d.n + 1] - 1) AS l
$$;

-- Post a set of entries in one round trip; each is accepted or refused by itself.
--
-- The drafts come as columns, one element an entry; no key occurs twice. The legs of all of them lie behind each other:
-- the n-th entry's are those from first_legs[n] up to first_legs[n + 1] - 1. A leg names its account by its number, or
-- by -n, which is the n-th of the names. The answer is one row: the numbers of the names, and of those drafts that were not
-- simply posted their places, how they ended and why; null where there are none.
--
-- The order of locks, kept by all who post, so that no two of them can wait for each other in a ring:
--   1. accounts that must open, by book, owner and currency;
--   2. balances of accounts with a floor, by account, in one UPDATE that a sorted list drives (the planner must not join
--      by hash, which would take them in any order);
--   3. keys, by their digests;
--   4. what a reversal counts (reversals.sql).
-- An account without a floor is never locked: thousands of sales a second share the one revenue account.
--
-- It runs with the owner's rights: those who run the business may call it, and cannot write to the journal otherwise.
CREATE OR REPLACE FUNCTION ledger_post(
    ids uuid[], keys text[], kinds text[], moments timestamptz[], refs text[], notes text[], reversals uuid[],
    sides text[], currencies text[], first_legs int[], leg_accounts int[], leg_amounts bigint[], leg_nets bigint[],
    books text[], owners text[], units text[], cluster text)
RETURNS TABLE (numbers int[], places int[], outcomes text[], entries uuid[], reasons text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_variable
DECLARE
    legs int[] := leg_accounts;
    -- The legs of the candidates, and what they bring or take.
    moving int[];
    moving_nets bigint[] := leg_nets;
    digests uuid[];
    -- Whether any key was posted under before, and which entry has a draft's key already.
    some_known boolean;
    known uuid[];
    -- Whether a draft's key is new and its books are there, and then whether it is posted; null as long as all are.
    candidates boolean[];
    accepted boolean[];
    short boolean;
BEGIN
    IF cardinality(books) > 0 THEN
        numbers := ledger_numbers(books, owners, units);
        SELECT array_agg(CASE WHEN l.account < 0 THEN numbers[-l.account] ELSE l.account END ORDER BY l.n) INTO legs
          FROM unnest(leg_accounts) WITH ORDINALITY AS l(account, n);
    END IF;
    moving := legs;

    SELECT array_agg(d.digest ORDER BY d.n), bool_or(k.digest IS NOT NULL) INTO digests, some_known
      FROM (SELECT ledger_key_digest(key) AS digest, n FROM unnest(keys) WITH ORDINALITY AS d(key, n) OFFSET 0) AS d
      LEFT JOIN ledger_postedkey AS k ON k.digest = d.digest;
    IF some_known OR array_position(numbers, NULL) IS NOT NULL THEN
        SELECT array_agg(k.entry_id ORDER BY d.n),
               array_agg(k.entry_id IS NULL
                         AND array_position(legs[first_legs[d.n] : first_legs[d.n + 1] - 1], NULL) IS NULL ORDER BY d.n)
          INTO known, candidates
          FROM unnest(digests) WITH ORDINALITY AS d(digest, n) LEFT JOIN ledger_postedkey AS k ON k.digest = d.digest;
        SELECT array_agg(l.account), array_agg(l.net) INTO moving, moving_nets
          FROM ledger_legs_of(first_legs, legs, leg_nets) AS l WHERE candidates[l.draft];
    END IF;

    -- One statement locks the balances and moves those that bear all that the set takes from them, whatever it brings. One
    -- that does not is marked short and left as it is, and the drafts are decided one by one.
    accepted := candidates;
    WITH move AS (
        UPDATE ledger_balance AS b
           SET room = NULL,
               posted_minor = b.posted_minor
                   + CASE WHEN b.posted_minor - b.held_minor < CASE b.side WHEN 'D' THEN m.debits - m.net ELSE m.debits END
                          THEN 0 WHEN b.side = 'D' THEN m.net::bigint ELSE -m.net::bigint END,
               short = b.posted_minor - b.held_minor < CASE b.side WHEN 'D' THEN m.debits - m.net ELSE m.debits END
          -- Sums of accounts without a floor may be wider than 64 bits: they meet no balance here. OFFSET keeps the sums from
          -- being taken of sorted legs: by hash, only the sums need sorting.
          FROM (SELECT g.account, g.net, g.debits
                  FROM (SELECT l.account, sum(l.net) AS net, sum(greatest(l.net, 0)) AS debits
                          FROM unnest(moving, moving_nets) AS l(account, net) GROUP BY l.account OFFSET 0) AS g
                 ORDER BY g.account) AS m
         WHERE b.account_id = m.account
        RETURNING b.short
    )
    SELECT bool_or(move.short) INTO short FROM move;
    IF short THEN
        candidates := coalesce(candidates, array_fill(true, ARRAY[cardinality(keys)]));
        accepted := ledger_decide_in_turn(candidates, first_legs, legs, leg_nets);
        UPDATE ledger_balance AS b
           SET short = false,
               posted_minor = b.posted_minor + CASE b.side WHEN 'D' THEN m.net ELSE -m.net END
                   - CASE WHEN b.short THEN 0 WHEN b.side = 'D' THEN m.net_moved ELSE -m.net_moved END
          FROM (SELECT l.account, coalesce(sum(l.net) FILTER (WHERE accepted[l.draft]), 0) AS net,
                       sum(l.net) AS net_moved
                  FROM ledger_legs_of(first_legs, legs, leg_nets) AS l WHERE candidates[l.draft]
                 GROUP BY l.account ORDER BY l.account) AS m
         WHERE b.account_id = m.account;
    END IF;

    -- A key that somebody has posted since we looked breaks the primary key: the caller begins again, and will see it.
    INSERT INTO ledger_postedkey (digest, entry_id)
    SELECT d.digest, d.id FROM unnest(digests, ids) WITH ORDINALITY AS d(digest, id, n)
     WHERE accepted IS NULL OR accepted[d.n] ORDER BY d.digest;

    -- As columns of a table the arrays lie flat: a part is cut out of them without unpacking all of it for each entry.
    WITH flat AS MATERIALIZED (SELECT legs AS accounts, leg_amounts AS amounts)
    INSERT INTO ledger_journalentry (position, occurred_at, recorded_at, id, reverses_id, cluster, kind, key, reference,
                                     details, sides, currencies, accounts, amounts)
    SELECT nextval('ledger_position'), d.moment, clock_timestamp(), d.id, d.reversal, cluster, d.kind, d.key, d.ref,
           d.note::jsonb, d.sides, d.currencies, flat.accounts[first_legs[d.n] : first_legs[d.n + 1] - 1],
           flat.amounts[first_legs[d.n] : first_legs[d.n + 1] - 1]
      FROM flat, unnest(ids, keys, kinds, moments, refs, notes, reversals, sides, currencies) WITH ORDINALITY
           AS d(id, key, kind, moment, ref, note, reversal, sides, currencies, n)
     WHERE accepted IS NULL OR accepted[d.n] ORDER BY d.n;

    IF accepted IS NOT NULL THEN
        SELECT array_agg(d.n::int ORDER BY d.n),
               array_agg(CASE WHEN same.entry IS NULL THEN 'refused' ELSE 'replayed' END ORDER BY d.n),
               array_agg(known[d.n] ORDER BY d.n),
               array_agg(CASE WHEN same.entry IS NOT NULL THEN '' WHEN known[d.n] IS NOT NULL THEN 'entry_key_reused'
                              WHEN d.candidate THEN 'insufficient_funds' ELSE 'book_unknown' END ORDER BY d.n)
          INTO places, outcomes, entries, reasons
          FROM unnest(candidates, accepted) WITH ORDINALITY AS d(candidate, accepted, n)
          LEFT JOIN LATERAL (
               -- The same request again, if all but its id is the same: that is made anew by each caller.
               SELECT e.id AS entry FROM ledger_everyentry AS e
                WHERE e.id = known[d.n]
                  AND (e.key, e.kind, e.occurred_at, e.reference, e.sides, e.currencies)
                      = (keys[d.n], kinds[d.n], moments[d.n], refs[d.n], sides[d.n], currencies[d.n])
                  AND e.accounts = legs[first_legs[d.n] : first_legs[d.n + 1] - 1]
                  AND e.amounts = leg_amounts[first_legs[d.n] : first_legs[d.n + 1] - 1]
                  AND (e.details, e.reverses_id) IS NOT DISTINCT FROM (notes[d.n]::jsonb, reversals[d.n])
               ) AS same ON known[d.n] IS NOT NULL
         WHERE NOT d.accepted;
    END IF;
    RETURN NEXT;
END $$;

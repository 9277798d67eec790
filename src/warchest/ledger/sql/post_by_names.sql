-- How the version before posts: each account by its names, looked up at every call. post.sql has taken its place; this goes
-- when no server of that version can be running any more (docs/upgrading.md).

-- Which of the drafts an account's balance bears, one after the other, where it does not bear them all. The balances are
-- locked. `available` is what each account has before the first draft; `nets` are debits less credits.
CREATE OR REPLACE FUNCTION ledger_decide(
    candidates boolean[], first_legs int[], leg_accounts int[], leg_nets bigint[], available bigint[], sides text[])
RETURNS boolean[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    bears boolean;
    account int;
BEGIN
    FOR n IN 1 .. cardinality(candidates) LOOP
        CONTINUE WHEN NOT candidates[n];
        FOR l IN first_legs[n] .. first_legs[n + 1] - 1 LOOP
            account := leg_accounts[l];
            available[account] := available[account]
                + CASE sides[account] WHEN 'D' THEN leg_nets[l] ELSE -leg_nets[l] END;
        END LOOP;
        -- An entry may move an account twice; only its result counts.
        bears := true;
        FOR l IN first_legs[n] .. first_legs[n + 1] - 1 LOOP
            bears := bears AND coalesce(available[leg_accounts[l]] >= 0, true);
        END LOOP;
        IF NOT bears THEN
            candidates[n] := false;
            FOR l IN first_legs[n] .. first_legs[n + 1] - 1 LOOP
                account := leg_accounts[l];
                available[account] := available[account]
                    - CASE sides[account] WHEN 'D' THEN leg_nets[l] ELSE -leg_nets[l] END;
            END LOOP;
        END IF;
    END LOOP;
    RETURN candidates;
END $$;

-- What the candidates among the drafts move in each account with a floor, in the order of the accounts: `net` in all, and
-- `need`, what must be available before the first so that none of them, in their order, breaks the floor.
CREATE OR REPLACE FUNCTION ledger_moves(
    candidates boolean[], accounts int[], floors boolean[], leg_places int[], leg_accounts int[], leg_nets bigint[])
RETURNS TABLE (place int, account int, net bigint, debit_need bigint, credit_need bigint)
LANGUAGE sql IMMUTABLE AS $$
    SELECT run.account, accounts[run.account], sum(run.net)::bigint,
           greatest(-min(run.net_until), 0)::bigint, greatest(max(run.net_until), 0)::bigint
      FROM (SELECT moved.account, moved.net,
                   sum(moved.net) OVER (PARTITION BY moved.account ORDER BY moved.draft) AS net_until
              FROM (SELECT l.account, l.draft, sum(l.net) AS net
                      FROM unnest(leg_places, leg_accounts, leg_nets) AS l(draft, account, net)
                     WHERE floors[l.account] AND candidates[l.draft]
                     GROUP BY l.account, l.draft) AS moved) AS run
     GROUP BY run.account
     ORDER BY accounts[run.account]
$$;

-- Post a set of entries in one round trip; each is accepted or refused by itself.
--
-- The drafts come as columns, one element an entry; no key occurs twice. The legs of all of them lie behind each other:
-- the n-th entry's are those from first_legs[n] up to first_legs[n + 1] - 1; leg_places says the same the other way
-- round. A leg names its account by its place among books, owners and units.
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
    sides text[], currencies text[], first_legs int[],
    leg_places int[], leg_accounts int[], leg_amounts bigint[], leg_nets bigint[],
    books text[], owners text[], units text[], cluster text)
RETURNS TABLE (outcome text, entry uuid, reason text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_variable
DECLARE
    accounts int[];
    floors boolean[];
    legs int[];
    known uuid[];
    complete boolean;
    candidates boolean[];
    accepted boolean[];
    moved record;
    written int;
BEGIN
    FOR look IN 1 .. 2 LOOP
        SELECT array_agg(a.id ORDER BY n.place), array_agg(b.floored ORDER BY n.place) INTO accounts, floors
          FROM unnest(books, owners, units) WITH ORDINALITY AS n(book, owner, unit, place)
          LEFT JOIN ledger_book AS b ON b.code = n.book
          LEFT JOIN ledger_account AS a ON a.book_id = n.book AND a.owner = n.owner AND a.currency = n.unit;
        complete := array_position(accounts, NULL) IS NULL;
        EXIT WHEN complete OR look = 2;
        INSERT INTO ledger_account (book_id, owner, currency, debit_minor, credit_minor)
        SELECT n.book, n.owner, n.unit, 0, 0 FROM unnest(books, owners, units) AS n(book, owner, unit)
         WHERE EXISTS (SELECT FROM ledger_book AS b WHERE b.code = n.book)
         ORDER BY 1, 2, 3
        ON CONFLICT DO NOTHING;
    END LOOP;
    SELECT array_agg(accounts[l.account] ORDER BY l.n) INTO legs
      FROM unnest(leg_accounts) WITH ORDINALITY AS l(account, n);

    SELECT array_agg(k.entry_id ORDER BY d.n),
           array_agg(k.entry_id IS NULL AND (complete OR array_position(
               legs[first_legs[d.n] : first_legs[d.n + 1] - 1], NULL) IS NULL) ORDER BY d.n)
      INTO known, candidates
      FROM unnest(keys) WITH ORDINALITY AS d(key, n)
      LEFT JOIN ledger_postedkey AS k ON k.digest = ledger_key_digest(d.key);

    -- One statement locks the balances and moves those that bear all of the set. Where one does not, it is marked short
    -- and left as it is, and the drafts are decided one by one.
    accepted := candidates;
    WITH move AS (
        UPDATE ledger_balance AS b
           SET room = NULL,
               posted_minor = CASE WHEN b.posted_minor - b.held_minor >= CASE b.side WHEN 'D' THEN m.debit_need ELSE m.credit_need END
                                   THEN b.posted_minor + CASE b.side WHEN 'D' THEN m.net ELSE -m.net END
                                   ELSE b.posted_minor END,
               short = b.posted_minor - b.held_minor < CASE b.side WHEN 'D' THEN m.debit_need ELSE m.credit_need END
          FROM ledger_moves(candidates, accounts, floors, leg_places, leg_accounts, leg_nets) AS m
         WHERE b.account_id = m.account
        RETURNING m.place, b.account_id, b.short, b.side,
                  b.posted_minor - CASE WHEN b.short THEN 0 WHEN b.side = 'D' THEN m.net ELSE -m.net END AS posted_before,
                  b.held_minor
    )
    SELECT bool_or(move.short) AS short, array_agg(move.place) AS places, array_agg(move.account_id) AS accounts,
           array_agg(move.side) AS sides, array_agg(move.posted_before) AS posted, array_agg(move.held_minor) AS held
      INTO moved FROM move;
    IF moved.short THEN
        accepted := ledger_decide(
            candidates, first_legs, leg_accounts, leg_nets,
            (SELECT array_agg(f.posted - f.held ORDER BY a.place)
               FROM generate_series(1, cardinality(accounts)) AS a(place)
               LEFT JOIN unnest(moved.places, moved.posted, moved.held) AS f(place, posted, held) ON f.place = a.place),
            (SELECT array_agg(f.side ORDER BY a.place)
               FROM generate_series(1, cardinality(accounts)) AS a(place)
               LEFT JOIN unnest(moved.places, moved.sides) AS f(place, side) ON f.place = a.place));
        UPDATE ledger_balance AS b
           SET short = false,
               posted_minor = f.posted + coalesce(CASE b.side WHEN 'D' THEN m.net ELSE -m.net END, 0)
          FROM unnest(moved.accounts, moved.posted) AS f(account, posted)
          LEFT JOIN ledger_moves(accepted, accounts, floors, leg_places, leg_accounts, leg_nets) AS m
            ON m.account = f.account
         WHERE b.account_id = f.account;
    END IF;

    WITH written_keys AS (
        INSERT INTO ledger_postedkey (digest, entry_id)
        SELECT ledger_key_digest(d.key), d.id FROM unnest(keys, ids, accepted) AS d(key, id, accepted)
         WHERE d.accepted ORDER BY 1
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    SELECT count(*) INTO written FROM written_keys;
    IF written < (SELECT count(*) FROM unnest(accepted) AS a WHERE a) THEN
        -- Somebody has posted one of the keys since we looked: the caller begins again, and will see it.
        RAISE EXCEPTION 'a key was posted at the same moment' USING ERRCODE = 'serialization_failure';
    END IF;

    -- As columns of a table the arrays lie flat: a part is cut out of them without unpacking all of it for each entry.
    WITH flat AS MATERIALIZED (SELECT legs AS accounts, leg_amounts AS amounts)
    INSERT INTO ledger_journalentry (position, occurred_at, recorded_at, id, reverses_id, cluster, kind, key, reference,
                                     details, sides, currencies, accounts, amounts)
    SELECT nextval('ledger_position'), d.moment, clock_timestamp(), d.id, d.reversal, cluster, d.kind, d.key, d.ref,
           d.note::jsonb, d.sides, d.currencies, flat.accounts[first_legs[d.n] : first_legs[d.n + 1] - 1],
           flat.amounts[first_legs[d.n] : first_legs[d.n + 1] - 1]
      FROM flat, unnest(ids, keys, kinds, moments, refs, notes, reversals, sides, currencies, accepted) WITH ORDINALITY
           AS d(id, key, kind, moment, ref, note, reversal, sides, currencies, accepted, n)
     WHERE d.accepted ORDER BY d.n;

    RETURN QUERY
    SELECT CASE WHEN d.accepted THEN 'posted' WHEN same.entry IS NOT NULL THEN 'replayed' ELSE 'refused' END,
           coalesce(d.known, d.id),
           CASE WHEN d.accepted OR same.entry IS NOT NULL THEN '' WHEN d.known IS NOT NULL THEN 'entry_key_reused'
                WHEN d.candidate THEN 'insufficient_funds' ELSE 'book_unknown' END
      FROM unnest(ids, known, candidates, accepted) WITH ORDINALITY AS d(id, known, candidate, accepted, n)
      LEFT JOIN LATERAL (
           -- The same request again, if all but its id is the same: that is made anew by each caller.
           SELECT e.id AS entry FROM ledger_everyentry AS e
            WHERE e.id = d.known
              AND (e.key, e.kind, e.occurred_at, e.reference, e.sides, e.currencies)
                  = (keys[d.n], kinds[d.n], moments[d.n], refs[d.n], sides[d.n], currencies[d.n])
              AND e.accounts = legs[first_legs[d.n] : first_legs[d.n + 1] - 1]
              AND e.amounts = leg_amounts[first_legs[d.n] : first_legs[d.n + 1] - 1]
              AND (e.details, e.reverses_id) IS NOT DISTINCT FROM (notes[d.n]::jsonb, reversals[d.n])
           ) AS same ON d.known IS NOT NULL
     ORDER BY d.n;
END $$;

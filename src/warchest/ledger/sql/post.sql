-- The account of a book, owner and currency; null where it has not been opened. Always one look-up in the unique index:
-- a join would be planned for the many rows that PostgreSQL expects of a JSON array, and read the whole table.
CREATE FUNCTION ledger_account_id(book text, owner text, currency text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    RETURN (SELECT a.id FROM ledger_account AS a
             WHERE a.book_id = ledger_account_id.book AND a.owner = ledger_account_id.owner
               AND a.currency = ledger_account_id.currency);
END $$;

-- Post a set of entries, in one round trip; each is accepted or refused by itself.
--
-- drafts: a JSON array of {id, key, fingerprint (hex), kind, occurred_at, reference, details, cluster, reverses,
--         legs: [{book, owner, currency, side, amount}]}.
-- Answers, for each in its place: outcome 'posted', 'replayed' or 'refused', the entry's id, and the reason if refused.
--
-- The order of locks: accounts that must open, by name; then every balance of the whole set, by account; then the keys.
-- All who post keep to it, so no two of them can wait for each other in a ring.
--
-- It runs with the owner's rights: those who run the business may call it, and cannot write to the journal otherwise.
CREATE FUNCTION ledger_post(drafts jsonb)
RETURNS TABLE (place int, outcome text, entry_id uuid, reason text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    draft jsonb;
    legs record;
    first_call record;
    violated text;
BEGIN
    INSERT INTO ledger_account (book_id, owner, currency)
    SELECT DISTINCT leg.book, leg.owner, leg.currency
      FROM jsonb_array_elements(drafts) AS d, jsonb_to_recordset(d -> 'legs')
           AS leg(book text, owner text, currency text)
     WHERE ledger_account_id(leg.book, leg.owner, leg.currency) IS NULL
       AND EXISTS (SELECT FROM ledger_book AS book WHERE book.code = leg.book)
     ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING;

    PERFORM 1 FROM ledger_balance
      WHERE account_id = ANY (ARRAY(
                SELECT ledger_account_id(leg.book, leg.owner, leg.currency)
                  FROM jsonb_array_elements(drafts) AS d, jsonb_to_recordset(d -> 'legs')
                       AS leg(book text, owner text, currency text)))
      ORDER BY account_id FOR UPDATE;

    place := -1;
    FOR draft IN SELECT * FROM jsonb_array_elements(drafts) LOOP
        place := place + 1;
        entry_id := (draft ->> 'id')::uuid;
        outcome := 'refused';
        reason := '';

        SELECT array_agg(leg.account ORDER BY leg.number) AS accounts, array_agg(leg.side ORDER BY leg.number) AS sides,
               array_agg(leg.amount ORDER BY leg.number) AS amounts,
               array_agg(leg.currency ORDER BY leg.number) AS currencies,
               coalesce(bool_or(leg.account IS NULL), false) AS unknown
          INTO legs
          FROM (SELECT l.*, ledger_account_id(l.book, l.owner, l.currency) AS account
                  FROM ROWS FROM (jsonb_to_recordset(draft -> 'legs')
                                  AS (book text, owner text, currency text, side text, amount bigint))
                       WITH ORDINALITY AS l(book, owner, currency, side, amount, number)) AS leg;

        -- What is refused leaves nothing behind, its key included: the block is a transaction within the transaction.
        BEGIN
            INSERT INTO ledger_entrykey (key, entry_id, fingerprint)
            VALUES (draft ->> 'key', entry_id, decode(draft ->> 'fingerprint', 'hex')) ON CONFLICT (key) DO NOTHING;
            IF NOT FOUND THEN
                SELECT k.entry_id, k.fingerprint INTO STRICT first_call
                  FROM ledger_entrykey AS k WHERE k.key = draft ->> 'key';
                entry_id := first_call.entry_id;
                IF first_call.fingerprint = decode(draft ->> 'fingerprint', 'hex') THEN
                    outcome := 'replayed';
                ELSE
                    reason := 'entry_key_reused';
                END IF;
            ELSIF legs.unknown THEN
                RAISE check_violation USING CONSTRAINT = 'book_unknown';
            ELSE
                INSERT INTO ledger_journalentry (id, key, cluster, kind, occurred_at, reference, details, reverses_id,
                                                 accounts, sides, amounts, currencies)
                VALUES (entry_id, draft ->> 'key', draft ->> 'cluster', draft ->> 'kind',
                        (draft ->> 'occurred_at')::timestamptz, draft ->> 'reference', draft -> 'details',
                        (draft ->> 'reverses')::uuid, coalesce(legs.accounts, '{}'), coalesce(legs.sides, '{}'),
                        coalesce(legs.amounts, '{}'), coalesce(legs.currencies, '{}'));
                outcome := 'posted';
            END IF;
        EXCEPTION
            WHEN check_violation THEN
                GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME;
                reason := CASE violated WHEN 'balance_not_below_floor' THEN 'insufficient_funds'
                                        WHEN 'entry_balanced' THEN 'entry_unbalanced'
                                        WHEN 'entry_legs_whole' THEN 'entry_empty' ELSE violated END;
            WHEN unique_violation THEN
                GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME;
                IF violated <> 'entry_reversed_once' THEN RAISE; END IF;
                reason := 'entry_already_reversed';
        END;
        RETURN NEXT;
    END LOOP;
END $$;

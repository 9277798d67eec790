-- What every journey does first and last: one round trip each, for one command or for hundreds.
--
-- Rows are looked up one by one, by index: the planner takes a JSON array for a hundred rows and would read whole tables
-- for them while those are small, by a plan that the session keeps when they have grown.

-- Claim callers' keys for this transaction. Whoever holds one of them is waited for.
--
-- asked: [{scope, route, key, fingerprint (hex)}], no key twice.
-- Answers the stamps of the facts that seldom change, and what was answered before under those of the keys that were
-- taken: [{number (place in asked, from 1), fingerprint, outcome, answer}], null where all are new.
--
-- The order of locks: keys by scope, route and key, before anything else that a journey locks.
CREATE FUNCTION runtime_claim(asked jsonb, OUT stamps jsonb, OUT answered jsonb)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wanted int := jsonb_array_length(asked);
    claimed int := 0;
    inserted int;
BEGIN
    -- A key that a rolled-back transaction held vanishes between the two statements: then insert again.
    FOR tries IN 1..5 LOOP
        INSERT INTO runtime_idempotencykey (scope, route, key, fingerprint, outcome, answer)
        SELECT a.scope, a.route, a.key, decode(a.fingerprint, 'hex'), '', ''
          FROM jsonb_to_recordset(asked) AS a(scope text, route text, key text, fingerprint text)
         ORDER BY a.scope, a.route, a.key
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS inserted = ROW_COUNT;
        claimed := claimed + inserted;
        EXIT WHEN claimed = wanted;

        -- Without an outcome are only those that this transaction has claimed.
        SELECT jsonb_agg(jsonb_build_object('number', a.number, 'fingerprint', encode(k.fingerprint, 'hex'),
                                            'outcome', k.outcome, 'answer', k.answer))
          INTO answered
          FROM ROWS FROM (jsonb_to_recordset(asked) AS (scope text, route text, key text))
               WITH ORDINALITY AS a(scope, route, key, number)
          JOIN runtime_idempotencykey AS k ON k.scope = a.scope AND k.route = a.route AND k.key = a.key
         WHERE k.outcome <> '';
        EXIT WHEN claimed + coalesce(jsonb_array_length(answered), 0) = wanted;
        IF tries = 5 THEN
            RAISE EXCEPTION 'keys can neither be claimed nor found' USING ERRCODE = 'serialization_failure';
        END IF;
    END LOOP;
    SELECT coalesce(jsonb_object_agg(s.name, s.stamp), '{}') INTO stamps FROM runtime_stamp AS s;
END $$;

-- End journeys: keep the answers under their keys, publish facts, write lines of the record of operations.
--
-- endings: [{scope, route, key, outcome, answer}]; facts: [{topic, key, payload, occurred_at}]; lines: a row each.
--
-- Of two transactions that touch the same thing, the one that began first may be the second to get it. Its fact takes the
-- other's place in the order then: later than its own, so below no reader's cursor.
CREATE FUNCTION runtime_finish(endings jsonb, facts jsonb, lines jsonb) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    UPDATE runtime_idempotencykey AS k SET outcome = e.outcome, answer = e.answer
      FROM jsonb_to_recordset(endings) AS e(scope text, route text, key text, outcome text, answer text)
     WHERE k.scope = e.scope AND k.route = e.route AND k.key = e.key;

    -- Facts are numbered in the order in which they were published.
    INSERT INTO runtime_outboxevent (transaction, topic, key, payload, occurred_at)
    SELECT greatest(pg_current_xact_id()::text::bigint,
                    (SELECT max(earlier.transaction) FROM runtime_outboxevent AS earlier WHERE earlier.key = f.key)),
           f.topic, f.key, f.payload, f.occurred_at
      FROM jsonb_to_recordset(facts) AS f(topic text, key text, payload jsonb, occurred_at timestamptz);

    INSERT INTO runtime_operation (id, occurred_at, name, outcome, reason, actor_kind, actor_id, on_behalf_of, channel,
                                   subject_kind, subject_id, details, address, certificate, request_id, key)
    SELECT l.*
      FROM jsonb_to_recordset(lines)
           AS l(id uuid, occurred_at timestamptz, name text, outcome text, reason text, actor_kind text, actor_id text,
                on_behalf_of text, channel text, subject_kind text, subject_id text, details jsonb, address text,
                certificate text, request_id text, key text);
END $$;

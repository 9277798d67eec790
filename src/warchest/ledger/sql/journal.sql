-- The journal: one immutable row an entry, its legs packed in arrays. Everything else about the books is derived from it.
--
-- It is kept narrow, since every sale writes it. Legs lie side by side: accounts[i], amounts[i], and the i-th letter of
-- sides ('D' debit, 'C' credit). `currencies` is one code where all legs share it, else one code of three letters a leg.

-- The order of the books. A number is drawn after an entry's balances are locked, so for each account with a floor the
-- numbers stand in the order in which its balance moved. It must not be given a cache: folding takes the last number drawn
-- for the highest there is.
CREATE SEQUENCE ledger_position;

-- Every key that was ever posted under. A table of its own, since a unique key cannot span the journal's months.
CREATE TABLE ledger_entrykey (
    key text COLLATE "C" PRIMARY KEY,
    entry_id uuid NOT NULL,
    CONSTRAINT key_length CHECK (length(key) BETWEEN 1 AND 120)
);

CREATE TABLE ledger_journalentry (
    position bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    id uuid PRIMARY KEY,
    reverses_id uuid,
    cluster text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    reference text NOT NULL,
    details jsonb,
    sides text NOT NULL,
    currencies text NOT NULL,
    accounts int[] NOT NULL,
    amounts bigint[] NOT NULL,
    CONSTRAINT entry_balanced CHECK (ledger_is_balanced(sides, amounts, currencies)),
    CONSTRAINT entry_legs_whole CHECK (cardinality(accounts) = cardinality(amounts)),
    -- What the index of references could not take would stop all folding behind it.
    CONSTRAINT entry_texts_short CHECK (length(kind) <= 40 AND length(reference) <= 80)
) PARTITION BY RANGE (id);

-- The indexed legs, unfolded from the journal up to the watermark. `net_after_minor` is debits less credits of the
-- account after this leg; the reader turns its sign by the side of the book.
CREATE TABLE ledger_posting (
    position bigint NOT NULL,
    amount_minor bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    entry_id uuid NOT NULL,
    account_id int NOT NULL,
    leg smallint NOT NULL,
    side "char" NOT NULL,
    net_after_minor numeric(30) NOT NULL
) PARTITION BY RANGE (entry_id);

-- Where a month begins among identifiers of version 7, whose first 48 bits are milliseconds (RFC 9562, section 5.7).
CREATE FUNCTION ledger_month_floor(month date) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM date_trunc('month', month::timestamp)) * 1000)::bigint), 12, '0')
            || repeat('0', 20))::uuid
$$;

-- One table of the journal or of its postings, closed to everybody's changes as its parent is.
CREATE FUNCTION ledger_close_table(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('REVOKE ALL ON %I FROM warchest_journey', name);
    EXECUTE format('GRANT SELECT ON %I TO warchest_journey', name);
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %I'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change()', name);
    IF name LIKE 'ledger_posting%' THEN
        -- It is unique within its table; an entry's legs always lie in the same one.
        EXECUTE format('CREATE UNIQUE INDEX ON %I (account_id, position, leg)', name);
        EXECUTE format('CREATE INDEX ON %I (amount_minor)', name);
    ELSE
        EXECUTE format('CREATE UNIQUE INDEX ON %I (position)', name);
        EXECUTE format('CREATE INDEX ON %I (reverses_id) WHERE reverses_id IS NOT NULL', name);
    END IF;
END $$;

-- Tables for the months from `first` to `last`, where they are missing; answers how many were made. What belongs to no
-- month's table lies in the default one: a month whose entries lie there already is left alone.
--
-- A table is made apart and then attached, which stops neither those who post nor those who read the others. Attaching
-- must have the default table for a moment; where somebody reads it just then, it gives up soon and is called again,
-- rather than let everybody queue behind it.
CREATE FUNCTION ledger_ensure_months(first date, last date) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    month date := date_trunc('month', first::timestamp);
    low uuid;
    high uuid;
    made int := 0;
    parent text;
    name text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('ledger_ensure_months')) THEN
        RETURN 0;
    END IF;
    WHILE month <= last LOOP
        low := ledger_month_floor(month);
        high := ledger_month_floor((month + interval '1 month')::date);
        IF to_regclass(format('ledger_journalentry_%s', to_char(month, 'YYYYMM'))) IS NULL
           AND NOT EXISTS (SELECT FROM ledger_journalentry_other WHERE id >= low AND id < high)
           AND NOT EXISTS (SELECT FROM ledger_posting_other WHERE entry_id >= low AND entry_id < high) THEN
            FOREACH parent IN ARRAY ARRAY['ledger_journalentry', 'ledger_posting'] LOOP
                name := format('%s_%s', parent, to_char(month, 'YYYYMM'));
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name, parent);
                -- The same bounds as a constraint: attaching need not look, and they outlast the table's detachment.
                EXECUTE format('ALTER TABLE %1$I ADD CONSTRAINT month_of_id CHECK (%2$I >= %3$L AND %2$I < %4$L)', name,
                               CASE parent WHEN 'ledger_posting' THEN 'entry_id' ELSE 'id' END, low, high);
                PERFORM ledger_close_table(name);
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                               parent, name, low, high);
            END LOOP;
            made := made + 1;
        END IF;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END $$;

-- Ranges instead of a tree: entries lie nearly in the order of their moments.
CREATE INDEX entry_occurred_at ON ledger_journalentry USING brin (occurred_at)
    WITH (pages_per_range = 32, autosummarize = on);

-- Reversals are few, so it costs a sale nothing.
CREATE INDEX entry_reverses ON ledger_journalentry (reverses_id) WHERE reverses_id IS NOT NULL;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_journalentry
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger_journalentry
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_posting
    FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger_posting
    FOR EACH STATEMENT EXECUTE FUNCTION warchest_refuse_change();

CREATE TABLE ledger_journalentry_other PARTITION OF ledger_journalentry DEFAULT;
CREATE TABLE ledger_posting_other PARTITION OF ledger_posting DEFAULT;
SELECT ledger_close_table('ledger_journalentry_other'), ledger_close_table('ledger_posting_other');
SELECT ledger_ensure_months(current_date, (current_date + interval '2 months')::date);

-- The journal and its postings with all that was ever archived (archive.sql).
CREATE SCHEMA archive;
GRANT USAGE ON SCHEMA archive TO warchest_journey, warchest_reader;
CREATE VIEW ledger_everyentry AS SELECT * FROM ledger_journalentry;
CREATE VIEW ledger_everyposting AS SELECT * FROM ledger_posting;

-- The legs of all entries, one a row.
CREATE VIEW ledger_leg AS
    SELECT e.id AS entry_id, e.position, e.occurred_at, l.leg::smallint AS leg, l.account_id, l.amount_minor,
           substr(e.sides, l.leg::int, 1)::"char" AS side,
           CASE WHEN length(e.currencies) = 3 THEN e.currencies
                ELSE substr(e.currencies, 3 * l.leg::int - 2, 3) END AS currency
      FROM ledger_everyentry AS e,
           unnest(e.accounts, e.amounts) WITH ORDINALITY AS l(account_id, amount_minor, leg);

REVOKE ALL ON ledger_journalentry, ledger_posting FROM warchest_journey;
REVOKE ALL ON SEQUENCE ledger_position FROM warchest_journey;
REVOKE ALL ON ledger_leg FROM warchest_journey;
GRANT SELECT ON ledger_journalentry, ledger_posting, ledger_leg TO warchest_journey;
GRANT SELECT ON SEQUENCE ledger_position TO warchest_journey;

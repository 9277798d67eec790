-- Archiving: a month of long ago leaves the tables that work every day. Nothing is lost and nothing is copied: its two
-- tables are detached, closed, and found in the schema `archive`, where they may be moved to slower disks and are backed up
-- once. Every reader goes on finding them through the two views below; `prove` goes on proving them.

-- Which months have left: the range of their ids, and how much they hold.
CREATE TABLE ledger_archivedmonth (
    month date PRIMARY KEY,
    entries bigint NOT NULL,
    last_position bigint NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Show, beside the tables of every day, those of all archived months.
CREATE FUNCTION ledger_show_archive() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['journalentry', 'posting'] LOOP
        EXECUTE format('CREATE OR REPLACE VIEW ledger_every%s AS SELECT * FROM ledger_%s %s',
                       CASE kind WHEN 'journalentry' THEN 'entry' ELSE kind END, kind,
                       (SELECT string_agg(format('UNION ALL SELECT * FROM archive.ledger_%s_%s', kind,
                                                 to_char(m.month, 'YYYYMM')), ' ' ORDER BY m.month)
                          FROM ledger_archivedmonth AS m));
    END LOOP;
END $$;

-- Archive a month, the oldest that is left; answers how many entries it has.
--
-- It must be over for a month at least, folded and sealed: then nothing is written to it any more. Detaching needs all of
-- the journal for the blink of an eye. Where somebody reads it just then for long, it gives up rather than let every sale
-- queue behind it, and may be called again.
CREATE FUNCTION ledger_archive_month(wanted date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '200ms' AS $$
DECLARE
    label text := to_char(wanted, 'YYYYMM');
    last bigint;
    size bigint;
    parent text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ledger_archive_month'));
    IF to_regclass('ledger_journalentry_' || label) IS NULL THEN
        RAISE EXCEPTION USING MESSAGE = 'there are no tables of this month', ERRCODE = 'WC404';
    ELSIF date_trunc('month', wanted::timestamp) + interval '2 months' > now() AT TIME ZONE 'UTC' THEN
        RAISE EXCEPTION USING MESSAGE = 'this month is not over for a month', ERRCODE = 'WC410';
    ELSIF EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = 'ledger_journalentry'::regclass
                     AND i.inhrelid::regclass::text < 'ledger_journalentry_' || label) THEN
        RAISE EXCEPTION USING MESSAGE = 'an older month comes first', ERRCODE = 'WC411';
    END IF;
    -- Before it is looked at: who is posting into it just now must have ended, and is seen.
    EXECUTE format('LOCK TABLE %I IN SHARE MODE', 'ledger_journalentry_' || label);
    EXECUTE format('SELECT coalesce(max(position), 0), count(*) FROM %I', 'ledger_journalentry_' || label)
       INTO last, size;
    IF last > (SELECT position FROM ledger_watermark)
       OR last > (SELECT coalesce(max(s.last_position), 0) FROM ledger_seal AS s) THEN
        RAISE EXCEPTION USING MESSAGE = 'this month is not folded and sealed', ERRCODE = 'WC412';
    END IF;

    INSERT INTO ledger_archivedmonth (month, entries, last_position) VALUES (date_trunc('month', wanted::timestamp), size, last);
    FOREACH parent IN ARRAY ARRAY['ledger_journalentry', 'ledger_posting'] LOOP
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, parent || '_' || label);
        EXECUTE format('ALTER TABLE %I SET SCHEMA archive', parent || '_' || label);
        EXECUTE format('CREATE TRIGGER append_only BEFORE INSERT OR UPDATE OR DELETE ON archive.%I'
                       ' FOR EACH ROW EXECUTE FUNCTION warchest_refuse_change()', parent || '_' || label);
    END LOOP;
    PERFORM ledger_show_archive();
    RETURN size;
END $$;

REVOKE ALL ON ledger_archivedmonth, ledger_everyentry, ledger_everyposting FROM warchest_journey;
GRANT SELECT ON ledger_archivedmonth, ledger_everyentry, ledger_everyposting TO warchest_journey;
REVOKE ALL ON FUNCTION ledger_show_archive(), ledger_close_table(text) FROM PUBLIC, warchest_journey;

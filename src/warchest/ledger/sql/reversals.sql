-- What of an entry has been reversed: counted by account and side, never more than the entry has.

CREATE FUNCTION ledger_count_reversal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    expected int;
    counted int;
BEGIN
    -- Whoever reverses the same entry at the same time waits here for the first.
    INSERT INTO ledger_reversed (entry_id, account_id, side, entry_minor, reversed_minor)
    SELECT leg.entry_id, leg.account_id, leg.side, sum(leg.amount_minor), 0
      FROM ledger_leg AS leg WHERE leg.entry_id = NEW.reverses_id
     GROUP BY leg.entry_id, leg.account_id, leg.side ORDER BY leg.account_id, leg.side
    ON CONFLICT DO NOTHING;

    WITH undone AS (
        SELECT leg.account_id, CASE leg.side WHEN 'D' THEN 'C' ELSE 'D' END AS side, sum(leg.amount_minor) AS amount
          FROM ledger_leg AS leg WHERE leg.entry_id = NEW.id GROUP BY 1, 2
    ), count AS (
        UPDATE ledger_reversed AS r SET reversed_minor = r.reversed_minor + undone.amount
          FROM undone WHERE r.entry_id = NEW.reverses_id AND r.account_id = undone.account_id AND r.side = undone.side
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM undone), (SELECT count(*) FROM count) INTO expected, counted;
    IF counted <> expected THEN
        RAISE EXCEPTION 'a reversal has a leg that the entry has not'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reversal_within_entry';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER count_reversal AFTER INSERT ON ledger_journalentry
    FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL) EXECUTE FUNCTION ledger_count_reversal();

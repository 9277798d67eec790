-- Folding: the journal's entries, up to the watermark, become indexed postings, sums of accounts and sums of days.
--
-- Positions are drawn before their transactions end, so a lower one may become visible after a higher one. Folding must
-- never step over it. A position is *settled* when every transaction that might have drawn it or a lower one has ended.
-- Each draws its number after it has got its transaction number. So folding reads the sequence first and takes a
-- transaction number of its own then: all numbers drawn until now belong to transactions below that one. (The end of a
-- snapshot would not do: it lies behind the last transaction that has *ended*, and those that have only begun may lie
-- beyond.) Where such transactions are still open, both are put down as a mark, and what was drawn until then is settled
-- as soon as no transaction below the mark is open any more.
--
-- Any number of workers may call it: one works, the others find the watermark locked and answer that there is nothing to
-- do. A worker that is killed leaves nothing: all of a step is one transaction, the watermark with it.

CREATE FUNCTION ledger_fold(entries_max int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    drawn bigint;
    own bigint;
    open_from bigint;
    mark ledger_watermark;
    settled bigint;
    upto bigint;
    folded int;
BEGIN
    IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
        -- Within a transaction that has its number already, nothing can be said of those that began after it.
        RETURN 0;
    END IF;
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO drawn FROM ledger_position;
    IF EXISTS (SELECT FROM ledger_watermark AS w WHERE w.position = drawn) THEN
        RETURN 0;  -- nothing new: a transaction number need not be spent on it
    END IF;
    own := pg_current_xact_id()::text::bigint;
    open_from := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
    SELECT * INTO mark FROM ledger_watermark FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;

    IF open_from = own THEN
        settled := drawn;
        mark.marked_position := NULL;
    ELSE
        -- A mark from before a restore into a younger server lies in its future, and says nothing.
        IF mark.marked_transaction > own THEN
            mark.marked_position := NULL;
        ELSIF mark.marked_transaction <= open_from THEN
            settled := mark.marked_position;
            mark.marked_position := NULL;
        END IF;
        IF mark.marked_position IS NULL THEN
            mark.marked_position := drawn;
            mark.marked_transaction := own;
        END IF;
    END IF;
    settled := greatest(settled, mark.settled_position);

    SELECT max(next.position), count(*) INTO upto, folded
      FROM (SELECT e.position FROM ledger_journalentry AS e
             WHERE e.position > mark.position AND e.position <= settled
             ORDER BY e.position LIMIT greatest(entries_max, 1)) AS next;

    IF folded > 0 THEN
        PERFORM ledger_unfold(mark.position, upto);
    END IF;
    UPDATE ledger_watermark
       SET position = CASE WHEN folded < greatest(entries_max, 1) THEN greatest(settled, position) ELSE upto END,
           settled_position = settled, marked_position = mark.marked_position,
           marked_transaction = mark.marked_transaction,
           folded_at = CASE WHEN folded > 0 THEN clock_timestamp() ELSE folded_at END
     WHERE (position, settled_position, marked_position, marked_transaction) IS DISTINCT FROM
           (CASE WHEN folded < greatest(entries_max, 1) THEN greatest(settled, position) ELSE upto END, settled,
            mark.marked_position, mark.marked_transaction);
    RETURN folded;
END $$;

-- Unfold the entries behind `low` up to `high`.
CREATE FUNCTION ledger_unfold(low bigint, high bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH entry AS MATERIALIZED (
        SELECT e.id, e.position, e.occurred_at, e.reference, e.sides, e.accounts, e.amounts
          FROM ledger_journalentry AS e WHERE e.position > low AND e.position <= high
    ), leg AS MATERIALIZED (
        SELECT e.id AS entry_id, e.position, e.occurred_at, l.leg::smallint AS leg, l.account_id, l.amount,
               substr(e.sides, l.leg::int, 1)::"char" AS side
          FROM entry AS e, unnest(e.accounts, e.amounts) WITH ORDINALITY AS l(account_id, amount, leg)
    ), moved AS (
        UPDATE ledger_account AS a
           SET debit_minor = a.debit_minor + sums.debit, credit_minor = a.credit_minor + sums.credit
          FROM (SELECT leg.account_id, coalesce(sum(leg.amount) FILTER (WHERE leg.side = 'D'), 0) AS debit,
                       coalesce(sum(leg.amount) FILTER (WHERE leg.side = 'C'), 0) AS credit
                  FROM leg GROUP BY leg.account_id) AS sums
         WHERE a.id = sums.account_id
        RETURNING a.id, a.book_id, a.currency,
                  a.debit_minor - sums.debit - a.credit_minor + sums.credit AS net_before
    ), posted AS (
        INSERT INTO ledger_posting (position, amount_minor, net_after_minor, occurred_at, entry_id, account_id, leg, side)
        SELECT leg.position, leg.amount,
               moved.net_before + sum(CASE leg.side WHEN 'D' THEN leg.amount ELSE -leg.amount END)
                   OVER (PARTITION BY leg.account_id ORDER BY leg.position, leg.leg),
               leg.occurred_at, leg.entry_id, leg.account_id, leg.leg, leg.side
          FROM leg JOIN moved ON moved.id = leg.account_id
    ), referred AS (
        INSERT INTO ledger_reference (reference, entry_id)
        SELECT e.reference, e.id FROM entry AS e WHERE e.reference <> ''
    )
    INSERT INTO ledger_daysum AS d (book_id, currency, day, debit_minor, credit_minor)
    SELECT moved.book_id, moved.currency, (leg.occurred_at AT TIME ZONE 'UTC')::date,
           coalesce(sum(leg.amount) FILTER (WHERE leg.side = 'D'), 0),
           coalesce(sum(leg.amount) FILTER (WHERE leg.side = 'C'), 0)
      FROM leg JOIN moved ON moved.id = leg.account_id
     GROUP BY 1, 2, 3
    ON CONFLICT (book_id, currency, day) DO UPDATE
       SET debit_minor = d.debit_minor + excluded.debit_minor, credit_minor = d.credit_minor + excluded.credit_minor
$$;

INSERT INTO ledger_watermark (position, settled_position) VALUES (0, 0);

-- The legs that are not folded yet: what every reader adds to the projections. In one statement both are of one moment.
CREATE VIEW ledger_tail AS
    SELECT leg.* FROM ledger_leg AS leg WHERE leg.position > (SELECT w.position FROM ledger_watermark AS w);

REVOKE ALL ON FUNCTION ledger_unfold(bigint, bigint) FROM PUBLIC, warchest_journey;
REVOKE ALL ON ledger_tail FROM warchest_journey;
GRANT SELECT ON ledger_tail TO warchest_journey;

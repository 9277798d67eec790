-- What the database itself guarantees of the tree and of commissions, whoever writes to them.

-- Whoever sponsors stands in the tree already. Sponsors never change, so the tree can have no loop.
-- The foreign key alone is looked at too late: two rows of one statement could name each other.
CREATE FUNCTION referrals_sponsor_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM referrals_node WHERE player = NEW.sponsor_id) THEN
        RAISE EXCEPTION 'a sponsor joins before those whom they invite'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'sponsor_first';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sponsor_first BEFORE INSERT ON referrals_node
    FOR EACH ROW WHEN (NEW.sponsor_id IS NOT NULL) EXECUTE FUNCTION referrals_sponsor_first();

-- Until an administrator puts another plan in force: five levels, 21 per cent of the base in all.
INSERT INTO referrals_commissionplan (rates_bps, valid_from) VALUES ('{1000,500,300,200,100}', '2000-01-01T00:00Z');

-- Rows that tell what happened are never changed. Rights say so first; this trigger says so to the owner as well.
CREATE FUNCTION warchest_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'WC001';
END $$;

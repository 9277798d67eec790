"""What somebody does to the books who has all rights and knows what stands in their way."""

from __future__ import annotations

import psycopg

from warchest.ledger.seal_checks import DIGEST


def with_all_rights(superuser_dsn: str, *statements: str) -> None:
    """Run these past all triggers."""
    with psycopg.connect(superuser_dsn) as superuser:
        superuser.execute("SET session_replication_role = replica")
        for statement in statements:
            superuser.execute(statement)


# As the sealer does it, over what is there now.
COMPUTE_THE_CHAIN_ANEW = f"""
    DO $$
    DECLARE
        block ledger_seal;
        last bytea := decode(repeat('00', 32), 'hex');
        sealed bigint := 0;
    BEGIN
        FOR block IN SELECT * FROM ledger_seal ORDER BY number LOOP
            SELECT array_agg(e.id ORDER BY e.position), string_agg({DIGEST}, '' ORDER BY e.position), count(*) + sealed
              INTO block.ids, block.digests, sealed
              FROM ledger_journalentry AS e WHERE e.position BETWEEN block.first_position AND block.last_position;
            block.entries := sealed;
            block.previous := last;
            last := ledger_seal_hash(block);
            UPDATE ledger_seal SET ids = block.ids, digests = block.digests, entries = sealed,
                                   previous = block.previous, hash = last WHERE number = block.number;
        END LOOP;
    END $$"""

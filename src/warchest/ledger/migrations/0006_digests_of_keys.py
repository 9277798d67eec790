"""The digests of all keys that were posted under before: portion by portion, each its own transaction, while everybody goes on.

Killed, it begins from the first key again, and steps over what it has done.
"""

from django.db import migrations

_TAKE_ALL = """
DO $$
DECLARE
    upto text := '';
    portion text;
BEGIN
    LOOP
        WITH next AS MATERIALIZED (
            SELECT key, entry_id FROM ledger_entrykey WHERE key > upto ORDER BY key LIMIT 10000
        ), taken AS (
            INSERT INTO ledger_postedkey (digest, entry_id)
            SELECT ledger_key_digest(key), entry_id FROM next ORDER BY 1
            ON CONFLICT DO NOTHING
        )
        SELECT max(key) INTO portion FROM next;
        COMMIT;
        EXIT WHEN portion IS NULL;
        upto := portion;
    END LOOP;
END $$"""


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0005_keys_by_digest")]

    operations = [migrations.RunSQL([_TAKE_ALL], reverse_sql=migrations.RunSQL.noop)]

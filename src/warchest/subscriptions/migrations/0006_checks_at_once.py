"""Foreign keys that a sale looks after are checked by the statement that writes, and terms move on beside the old row.

Checked at the commit, they ran outside of the functions that have rows looked up by index: a session that began while a table
was small read the whole of it at each sale, for as long as it lasted. Nothing was ever written the other way round.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0005_passes")]

    operations = [
        migrations.RunSQL(
            [
                "ALTER TABLE subscriptions_grant"
                " ALTER CONSTRAINT subscriptions_grant_subscription_id_d0d4bbb2_fk_subscript NOT DEFERRABLE",
                "ALTER TABLE subscriptions_deferral"
                " ALTER CONSTRAINT subscriptions_deferr_grant_id_e566ad2a_fk_subscript NOT DEFERRABLE",
                "ALTER TABLE subscriptions_subscription SET (fillfactor = 70)",
            ],
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]

"""Look at the batches and cards that were there before, without holding anybody up."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("cards", "0004_life")]

    operations = [
        ValidateConstraint("batch", "batch_spares_in_range"),
        ValidateConstraint("batch", "batch_group_size_in_range"),
        ValidateConstraint("batch", "batch_serial_in_range"),
        ValidateConstraint("batch", "batch_alphabet_known"),
        ValidateConstraint("batch", "batch_stock_for_sale"),
        ValidateConstraint("batch", "batch_tax_within_face"),
        ValidateConstraint("batch", "batch_new_players_days_in_range"),
        ValidateConstraint("batch", "batch_entropy_by_alphabet"),
        ValidateConstraint("card", "card_state_known"),
        ValidateConstraint("card", "card_owed_whole"),
    ]

"""Pages of the back office other than lists and details."""

from django.urls import path

from warchest.web.backoffice.pages import (
    accounts,
    administrators,
    api_keys,
    balances,
    batches,
    cards,
    currency_rates,
    exchange,
    exports,
    journal,
    payments,
    rates,
    search,
    services,
    sign_in,
)

app_name = "backoffice"
urlpatterns = [
    path("sign-in", sign_in.sign_in, name="sign-in"),
    path("find", search.find, name="find"),
    path("services", services.live_services, name="services"),
    path("batches/order", batches.order, name="order-batch"),
    path("batches/<uuid:batch_id>", batches.batch, name="batch"),
    path("batches/<uuid:batch_id>/approve", batches.approve, name="approve-batch"),
    path("batches/<uuid:batch_id>/refuse", batches.refuse, name="refuse-batch"),
    path("batches/<uuid:batch_id>/generate", batches.generate, name="generate-batch"),
    path("batches/<uuid:batch_id>/hand-over", batches.hand_over, name="hand-over-batch"),
    path("card", cards.look_up, name="look-up-card"),
    path("card/<str:serial>", cards.card, name="card"),
    path("block-cards", cards.block, name="block-cards"),
    path("payment/<uuid:payment_id>", payments.payment, name="payment"),
    path("payment/<uuid:payment_id>/ask", payments.ask, name="ask-provider"),
    path("journal", journal.journal, name="journal"),
    path("journal/export", exports.journal, name="export-journal"),
    path("journal/<uuid:entry_id>", journal.entry, name="entry"),
    path("journal/<uuid:entry_id>/reverse", journal.reverse_page, name="reverse-entry"),
    path("accounts", accounts.accounts, name="accounts"),
    path("account", accounts.account, name="account"),
    path("trial-balance", balances.trial_balance, name="trial-balance"),
    path("owed-for-wallets", balances.liability, name="liability"),
    path("rates", rates.rates, name="rates"),
    path("currency-rates", currency_rates.currency_rates, name="currency-rates"),
    path("exchange", exchange.exchange, name="exchange"),
    path("exchange/confirm", exchange.confirm, name="confirm-exchange"),
    path("exchange-differences", exchange.differences, name="exchange-differences"),
    path("administrators", administrators.administrators, name="administrators"),
    path("administrators/add", administrators.add, name="add-administrator"),
    path("administrators/mine", administrators.mine, name="my-certificates"),
    path(
        "administrators/<uuid:administrator_id>/certificate", administrators.issue, name="issue-certificate"
    ),
    path("administrators/revoke", administrators.revoke, name="revoke-certificate"),
    path("api-keys", api_keys.api_keys, name="api-keys"),
    path("api-keys/revoke", api_keys.revoke, name="revoke-api-key"),
]

"""The portal's addresses."""

from django.urls import path

from warchest.web.portal.views import (
    activate,
    documents,
    home,
    invite,
    look,
    payment,
    prolong,
    send,
    services,
    settings,
    sign_in,
    sign_up,
    statement,
    subscriptions,
    top_up,
    withdraw,
)

app_name = "portal"

urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in", sign_in.sign_in, name="sign-in"),
    path("sign-out", sign_in.sign_out, name="sign-out"),
    path("sign-up", sign_up.sign_up, name="sign-up"),
    path("join/<str:code>", sign_up.join, name="join"),
    path("activate", activate.activate, name="activate"),
    path("top-up", top_up.top_up, name="top-up"),
    path("payments/<uuid:payment_id>", payment.payment, name="payment"),
    path("payments/<uuid:payment_id>/cancel", payment.cancel, name="cancel-payment"),
    path("payments/<uuid:payment_id>/again", payment.again, name="payment-again"),
    path("payments/<uuid:payment_id>/return", payment.came_back, name="payment-return"),
    path("send", send.send, name="send"),
    path("transfers/<uuid:transfer_id>", send.transfer, name="transfer"),
    path("transfers/<uuid:transfer_id>/ask-back", send.ask_back, name="ask-back"),
    path("services", services.services, name="services"),
    path("services/<slug:code>", services.services, name="service"),
    path("prolong/<uuid:plan_id>", prolong.prolong, name="prolong"),
    path("subscriptions", subscriptions.subscriptions, name="subscriptions"),
    path("withdraw", withdraw.withdrawals, name="withdrawals"),
    path("withdraw/<str:of>/<uuid:identity>", withdraw.withdraw, name="withdraw"),
    path("statement", statement.statement, name="statement"),
    path("documents", documents.documents, name="documents"),
    path("documents/<uuid:document_id>", documents.document, name="document"),
    path("documents/<uuid:document_id>/pdf", documents.pdf, name="document-pdf"),
    path("invoice-details", documents.invoice_details, name="invoice-details"),
    path("invite", invite.invite, name="invite"),
    path("settings", settings.settings, name="settings"),
    path("accent.css", look.accent_sheet, name="accent"),
]

"""Pages by which the house controls payments: providers, rules, reviews."""

from django.urls import path

from warchest.web.backoffice.pages import payment_rules, providers, reviews

urlpatterns = [
    path("payment/<uuid:payment_id>/cancel", reviews.cancel, name="cancel-payment"),
    path("payment/<uuid:payment_id>/replay/<uuid:notice_id>", reviews.replay, name="replay-notice"),
    path("reviews", reviews.reviews, name="reviews"),
    path("review/<uuid:payment_id>", reviews.review, name="review"),
    path("review/<uuid:payment_id>/decide", reviews.decide, name="decide-review"),
    path("providers", providers.providers, name="providers"),
    path("providers/<slug:name>", providers.provider, name="provider"),
    path("providers/<slug:name>/check", providers.check, name="check-provider"),
    path("providers/<slug:name>/switch", providers.switch, name="switch-provider"),
    path("payment-rules", payment_rules.payment_rules, name="payment-rules"),
    path("payment-rules/preview", payment_rules.preview, name="route-preview"),
    path("payment-rules/<slug:kind>", payment_rules.kind_of_rule, name="payment-rule-kind"),
    path("payment-rules/<uuid:rule_id>/end", payment_rules.end, name="end-payment-rule"),
]

"""Subscriptions as this process offers them."""

from warchest.subscriptions import consents, moving_in, operations, passes, queries, tokens, withholding


class LocalSubscriptions:
    """Implements ``contract.Subscriptions`` over this process's own connection."""

    lock_set = staticmethod(operations.lock_set)
    grant = staticmethod(operations.grant)
    grant_set = staticmethod(operations.grant_set)
    keep_consent = staticmethod(consents.keep_consent)
    consents = staticmethod(consents.consents)
    bought_since = staticmethod(queries.bought_since)
    unserved = staticmethod(withholding.unserved)
    withhold = staticmethod(withholding.withhold)
    withheld_place = staticmethod(withholding.withheld_place)
    take_withheld = staticmethod(withholding.take_withheld)
    return_withheld = staticmethod(withholding.return_withheld)
    recognise = staticmethod(operations.recognise)
    preview = staticmethod(queries.preview)
    subscription = staticmethod(queries.subscription)
    subscriptions = staticmethod(queries.subscriptions)
    grants = staticmethod(queries.grants)
    entitlement = staticmethod(queries.entitlement)
    entitlement_token = staticmethod(queries.entitlement_token)
    entitlement_changes = staticmethod(queries.entitlement_changes)
    deferrals = staticmethod(queries.deferrals)
    jwks = staticmethod(tokens.jwks)
    take_grants = staticmethod(moving_in.take_grants)
    count_grants = staticmethod(moving_in.count_grants)
    issue_pass = staticmethod(passes.issue_pass)
    passes_issued = staticmethod(passes.passes_issued)
    passes = staticmethod(passes.passes)

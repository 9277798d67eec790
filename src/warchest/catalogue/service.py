"""The catalogue as this process offers it."""

from warchest.catalogue import operations, queries, tournaments


class LocalCatalogue:
    """Implements ``contract.Catalogue`` over this process's own connection."""

    online_service = staticmethod(queries.online_service)
    online_services = staticmethod(queries.online_services)
    plan = staticmethod(queries.plan)
    plans = staticmethod(queries.plans)
    plans_of = staticmethod(queries.plans_of)
    prices = staticmethod(queries.prices)
    offer = staticmethod(queries.offer)
    catalogue = staticmethod(queries.catalogue)
    add_online_service = staticmethod(operations.add_online_service)
    add_plan = staticmethod(operations.add_plan)
    add_price = staticmethod(operations.add_price)
    add_tournament = staticmethod(tournaments.add_tournament)
    add_pass_price = staticmethod(tournaments.add_pass_price)
    tournament = staticmethod(tournaments.tournament)
    tournaments = staticmethod(tournaments.tournaments)

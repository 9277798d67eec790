"""Statistics as this process offers them."""

from warchest.statistics import operations, queries


class LocalStatistics:
    """Implements ``contract.Statistics`` over this process's own connection."""

    catch_up = staticmethod(operations.catch_up)
    rebuild = staticmethod(operations.rebuild)
    figures = staticmethod(queries.figures)
    series = staticmethod(queries.series)
    totals = staticmethod(queries.totals)
    behind = staticmethod(queries.behind)

"""Referrals as this process offers them."""

from warchest.referrals import moving_in, operations, queries


class LocalReferrals:
    """Implements ``contract.Referrals`` over this process's own connection."""

    join = staticmethod(operations.join)
    add_commission_plan = staticmethod(operations.add_commission_plan)
    earn_set = staticmethod(operations.earn_set)
    reverse = staticmethod(operations.reverse)
    by_code = staticmethod(queries.by_code)
    node = staticmethod(queries.node)
    upline = staticmethod(queries.upline)
    downline = staticmethod(queries.downline)
    tree_stats = staticmethod(queries.tree_stats)
    commission_plan = staticmethod(queries.commission_plan)
    commissions = staticmethod(queries.commissions)
    join_set = staticmethod(moving_in.join_set)
    count_tree = staticmethod(moving_in.count_tree)

"""The money rules: the chart of accounts, which event posts where, exchange rates and tax.

Nouns: a *posting rule* (an event's legs), a *rate* (units for money, dated), a *tax rate* (by country, dated). Invariants:
rates and tax rates are never changed, only followed by later ones. It refuses to know players, cards and plans.
"""

"""``warchest demo``: a whole deployment with a made-up community, for people who look around and for outside tests.

The community and its past year follow from a seed (``people``, ``history``): the same seed on the same day gives the
same nicknames, tree, amounts and moments; ids and card codes are new each time. The past goes through the journeys,
under the moments at which it happened (``load``), so its books are as true as any. What a first start leaves half
done is begun anew by the next one (``home``).

Nobody in the background touches the people and cards that ``demo.json`` lists.
"""

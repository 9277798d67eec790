"""Payment by bank transfer: the player is told a reference, and the bank's statement tells that the money came.

``provider`` is the plug-in. ``camt`` reads statements, ``pain`` writes orders. ``simulator`` is a pretended bank.
"""

"""The words that every other part is written in: money, time, identity and named refusals.

Pure: nothing here imports Django, opens a socket or asks what time it is.
"""

"""Warchest: the back office and cash desk of a large eSport community."""

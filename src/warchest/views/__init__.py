"""Bounded pages composed from several contracts: what more than one door shows in the same words."""

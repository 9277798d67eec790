"""Writes of cards, a chapter of a batch's life each."""

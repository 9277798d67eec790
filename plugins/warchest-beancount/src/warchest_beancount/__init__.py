"""A ledger of beancount's: Warchest's journals as text, one file each. See `exporter`."""

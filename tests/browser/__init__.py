"""What players and administrators do, in a real browser against a running house."""

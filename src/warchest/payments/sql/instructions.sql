-- What a player is to do is told with the provider's answer, to an attempt that was written down before.
GRANT UPDATE (instructions) ON payments_attempt TO warchest_journey;

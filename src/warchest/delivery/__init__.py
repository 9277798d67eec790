"""What leaves the house: webhooks to game servers, and mails to players.

Nouns: an *endpoint* (a configured address that hears events), a *delivery* (one event for one endpoint, until it
is taken or given up), a *mail* (of a kind, to a player). Invariants: an event becomes one delivery for each
endpoint; deliveries of one player reach an endpoint in order; a mail is never sent twice. It refuses to know what
the events mean, and it keeps no addresses of people: it asks for one at the moment of sending.
"""

"""The back office: pages for administrators, behind a client certificate and a password.

Lists and details are Django's admin under unfold's skin, read-only, over a connection that can only SELECT. Every command
is a plain form of its own that calls a journey, so that whatever changes something is told, decided and recorded in one
place. A button is shown to who has the right to it, and the journey asks again.
"""

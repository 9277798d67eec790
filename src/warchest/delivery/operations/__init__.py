"""Writes of delivery: taking events in, sending webhooks, sending mails."""

"""Payments by PayPal: orders that the player approves at PayPal and that we capture, refunds, disputes, notices.

``provider`` is the plug-in; ``talk`` speaks to PayPal's REST interface, ``wire`` holds the messages, ``standings`` tells what
PayPal's words mean, ``notices`` reads webhooks. ``simulator`` is a PayPal that takes no money, written from the
documents, a process of its own; ``testing`` starts it, ``rig`` lends it to the kit that tries plug-ins.
"""

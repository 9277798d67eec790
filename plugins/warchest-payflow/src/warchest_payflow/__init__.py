"""Card payments by the Payflow gateway (VeriSign's Payflow Pro of old, PayPal's now), with its hosted checkout page.

``provider`` is the plug-in; ``gateway`` speaks to the gateway, in the words of ``namevalue``, and ``results`` tells what
its numbers mean. ``simulator`` is a gateway that takes no money, written from the vendor's documents, a process of its own;
``testing`` starts it, ``conformance`` lends it to the kit that tries plug-ins.
"""

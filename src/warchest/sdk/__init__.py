"""What the author of a plug-in imports. Plug-ins know only this package and the kernel, and hold no tables.

``payments`` is the contract of payment providers, ``calling`` how one is called (within a time: ``deadlines``), ``masking``
what is never kept, and ``conformance`` tries whether a plug-in keeps the contract.
"""

"""A Payflow gateway that takes no money, written from the vendor's guide, a process of its own.

``book`` is what it remembers and how transactions follow one another, ``rules`` the vendor's own rules for tests, ``desk``
answers requests in name-value text, ``pages`` is the hosted checkout page, ``server`` the HTTP of it all.
Where the guide is silent, the simulator does what the plug-in assumes; the README lists those assumptions.
"""

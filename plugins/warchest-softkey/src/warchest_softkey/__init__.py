"""A key generator for stores: ``store`` is the plug-in, ``dialects`` say how each store speaks and signs.

``simulator`` is a pretended store of each dialect, ``rig`` lets the conformance kit try the plug-in with them.
"""

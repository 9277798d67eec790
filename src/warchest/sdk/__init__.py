"""What the author of a plug-in imports. Plug-ins know only this package and the kernel, and hold no tables."""

"""The portal's pages, a file a story."""

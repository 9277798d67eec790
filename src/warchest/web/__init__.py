"""Pages: the portal for players, the back office for administrators."""

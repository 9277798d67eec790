"""The portal: pages for players, sponsors and resellers."""

"""Use cases that cross services, one a file, told in the order a clerk would tell them."""

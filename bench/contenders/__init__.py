"""Who is measured. Each module prepares its own database and buys in the way its documentation recommends."""

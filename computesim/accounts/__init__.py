"""What follows from the fleet: rows of the results, and nothing but rows."""

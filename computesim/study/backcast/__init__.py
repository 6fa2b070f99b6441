"""Past years of a scenario beside published figures."""

"""The fewest accelerators for a service level."""

"""Results beside what happened and what others project."""

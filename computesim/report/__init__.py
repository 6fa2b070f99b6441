"""Charts, tables and reports of results."""

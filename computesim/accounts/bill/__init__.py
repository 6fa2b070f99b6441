"""The bill of materials by segment of the supply chain."""

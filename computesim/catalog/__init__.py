"""Cited figures: accelerators, models, fabrics, sites, prices, history, and their sources."""

from __future__ import annotations

from computesim.catalog.catalog import Catalog, load_catalog
from computesim.catalog.rows import TABLES, Figure, Source

__all__ = ["TABLES", "Catalog", "Figure", "Source", "load_catalog"]

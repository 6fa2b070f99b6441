"""Predictions of network cases: switches, cables and optics of one cluster."""

from __future__ import annotations

from computesim.catalog import Catalog
from computesim.hardware.fabric import FabricBill, fabric_bill
from computesim.study.verify.cases import Case
from computesim.study.verify.prediction import Verdict


def predict(case: Case, catalog: Catalog) -> Verdict:
    """Return the prediction for a network case.

    Parameters
    ----------
    case : Case
        `topology` is an optional column; rail-optimised if it is not told.
    catalog : Catalog

    Raises
    ------
    CatalogError, CapacityError, ValueError
        If there is none, with the reason.
    """
    topology = case.text("topology", "rail-optimised")
    fabric = catalog.fabric(case.text("fabric"))
    bill = fabric_bill(topology, fabric, case.count("accelerators") or 1)
    told = case.count("tiers")
    if told is not None and told != bill.tiers:
        raise ValueError(f"{bill.tiers} tiers hold so many accelerators, the case tells {told}")
    note = f"{topology}, {bill.tiers} tiers"
    return Verdict(case, _value(case.metric, bill, fabric.planes), note=note)


def _value(metric: str, bill: FabricBill, planes: int) -> float:
    if metric == "transceivers_per_accelerator":
        return bill.transceivers_per_accelerator
    # one cable carries the links of all planes
    to_leaf, to_spine, to_core = (links / planes for links in bill.links_by_tier)
    return float(
        {
            "leaf_switches": bill.leaf_switches,
            "spine_switches": bill.spine_switches,
            "core_switches": bill.core_switches,
            "cables": bill.links / planes,
            "cables_node_leaf": to_leaf,
            "cables_leaf_spine": to_spine,
            "cables_spine_core": to_core,
        }[metric]
    )

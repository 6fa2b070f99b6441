"""From a scenario of RL and chain-of-thought AI to accelerators, networks and megawatts.

The public names, each resolved when it is first used, so that `import computesim`
costs nothing:

>>> import computesim
>>> scenario = computesim.load_scenario("baseline")
>>> results = computesim.project(scenario)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from computesim.version import __version__ as __version__

if TYPE_CHECKING:
    from computesim.catalog import Catalog, load_catalog
    from computesim.errors import ComputesimError
    from computesim.pipeline import project
    from computesim.results import Results, load_results
    from computesim.scenario import Scenario, load_scenario


_HOME = {
    "Catalog": "computesim.catalog",
    "ComputesimError": "computesim.errors",
    "Results": "computesim.results",
    "Scenario": "computesim.scenario",
    "load_catalog": "computesim.catalog",
    "load_results": "computesim.results",
    "load_scenario": "computesim.scenario",
    "project": "computesim.pipeline",
}

__all__ = [
    "Catalog",
    "ComputesimError",
    "Results",
    "Scenario",
    "load_catalog",
    "load_results",
    "load_scenario",
    "project",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'computesim' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

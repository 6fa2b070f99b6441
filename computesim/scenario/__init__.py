"""Scenario files: a readable tree of assumptions, checked as a whole, each with its origin."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from computesim.scenario.editor_schema import json_schema
    from computesim.scenario.entries import Origin
    from computesim.scenario.load import load_scenario
    from computesim.scenario.moment import Moment
    from computesim.scenario.scenario import Scenario
    from computesim.scenario.shipped import shipped_scenarios
    from computesim.scenario.show import Row, describe
    from computesim.scenario.template import starter
    from computesim.scenario.values import Choice, Mix, Value

_HOME = {
    "Choice": "values",
    "Mix": "values",
    "Moment": "moment",
    "Origin": "scenario",
    "Row": "show",
    "Scenario": "scenario",
    "Value": "values",
    "describe": "show",
    "json_schema": "editor_schema",
    "load_scenario": "load",
    "shipped_scenarios": "shipped",
    "starter": "template",
}

__all__ = [
    "Choice",
    "Mix",
    "Moment",
    "Origin",
    "Row",
    "Scenario",
    "Value",
    "describe",
    "json_schema",
    "load_scenario",
    "shipped_scenarios",
    "starter",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'computesim.scenario' has no attribute '{name}'")
    return getattr(import_module(f"computesim.scenario.{_HOME[name]}"), name)

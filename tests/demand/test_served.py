"""How a scenario says that products are served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from computesim import load_catalog, load_scenario
from computesim.cells.jobs import ServingDemand
from computesim.cells.serving_options import ServingOptions
from computesim.demand.asked import demand_at
from computesim.errors import ScenarioError
from computesim.hardware.speculation import Speculation
from computesim.scenario import Moment

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
OTHER = {
    "users": 1e6, "requests_per_user_per_day": 5, "prompt_tokens": 9000, "cached_share": 0.8,
    "answer_tokens": 200, "reasoning_share": 0.0, "reasoning_tokens": 0,
}  # fmt: skip


def asked(year: float = 2026, **entries: Any) -> tuple[ServingDemand, ...]:
    """Return what the small world and a second product of its tier ask."""
    plain = load_scenario(SMALL)
    tier = str(next(iter(plain.products.values())).tier.at(year))
    entries = {"products.agents": {**OTHER, "tier": tier}} | entries
    return demand_at(Moment(load_scenario(SMALL, entries), load_catalog(), year)).serving


def test_what_is_not_said_is_as_the_schema_says() -> None:
    for demand in asked():
        assert demand.options == ServingOptions()
        assert {cache.tier for cache in demand.caches} == {"host"}
        assert {cache.retention for cache in demand.caches} == {300.0}


def test_a_product_goes_its_own_way_in_what_it_says_and_follows_in_the_rest() -> None:
    own = {"prefix_cache": {"tier": "storage"}}
    served = asked(
        **{
            "serving": {"prefix_cache": {"retention": "1 h"}},
            "products.agents.serving": own,
        }
    )
    caches = {s.name: cache for demand in served for s, cache in demand.cached}
    assert caches["agents"].tier == "storage"
    assert {cache.retention for cache in caches.values()} == {3600.0}
    others = [cache.tier for name, cache in caches.items() if name != "agents"]
    assert set(others) == {"host"}


def test_prefixes_of_different_products_wait_in_one_pool_of_a_tier() -> None:
    served = asked(**{"products.agents.serving": {"prefix_cache": {"tier": "hbm"}}})
    assert len({demand.tier for demand in served}) == len({demand.model for demand in served})


def test_a_product_that_is_served_otherwise_has_a_pool_of_its_own() -> None:
    before, after = asked(), asked(**{"products.agents.serving": {"separate_prefill": "yes"}})
    new = {demand.tier for demand in after} - {demand.tier for demand in before}
    assert len(new) == 1
    assert new.pop().endswith(" of agents")
    assert [s.name for d in after if d.options.separate_prefill for s in d.streams] == ["agents"]
    rate = sum(demand.requests for demand in before)  # and nothing is asked twice or forgotten
    assert sum(demand.requests for demand in after) == pytest.approx(rate)


def test_drafts_and_overlap_come_by_year() -> None:
    ways = {
        "serving": {
            "speculation": {"drafted": {2024: 0, 2026: 2, "interpolation": "step"}},
            "two_batch_overlap": {2024: "no", 2026: "yes"},
            "shared_prompts": "no",
        }
    }
    for demand in asked(2025, **ways):
        assert demand.options == ServingOptions(shared_prompts=False)
    for demand in asked(2026, **ways):
        assert demand.options.speculation == Speculation(2, 0.85)
        assert demand.options.two_batches


def test_the_mix_of_a_cell_knows_how_it_is_served() -> None:
    mixes = {
        repr(asked(**{"serving": way})[0].mix)
        for way in (
            {},
            {"separate_prefill": "yes"},
            {"speculation": {"drafted": 1}},
            {"prefix_cache": {"tier": "storage"}},
            {"prefix_cache": {"retention": "10 min"}},
        )
    }
    assert len(mixes) == 5


def test_all_faults_of_a_serving_block_are_told_at_once() -> None:
    wrong = {
        "serving.prefix_cache.teir": "hbm",
        "serving.prefix_cache.tier": "hbn",
        "serving.speculation.drafted": -1,
        "serving.speculation.acceptance": 1.2,
        "products.chat.serving.separate_prefil": "yes",
        "products.chat.serving.prefix_cache.retention": "5 GB",
        "products.chat.serving.shared_prompts": "maybe",
    }
    with pytest.raises(ScenarioError) as caught:
        load_scenario(SMALL, wrong)
    told = {fault.key: fault for fault in caught.value.faults}
    assert set(told) == set(wrong)
    assert told["serving.prefix_cache.teir"].hint == "did you mean tier?"
    assert told["serving.prefix_cache.tier"].hint == "did you mean hbm?"
    assert "did you mean separate_prefill" in told["products.chat.serving.separate_prefil"].hint

"""Names, aliases, figures and what is remembered of their use."""

from __future__ import annotations

import pytest

from computesim.catalog import TABLES, Catalog, Figure, load_catalog
from computesim.errors import CatalogError


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def test_a_misspelt_name_brings_the_near_miss(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match=r"did you mean .*h100-sxm") as caught:
        catalog.accelerator("h100-smx")
    assert caught.value.faults[0].key == "accelerators"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.names("acelerators"), "did you mean accelerators"),
        (lambda c: c.figure("accelerators", "gb200", "memry"), "did you mean memory"),
        (lambda c: c.source("epoch-chip-sale"), "did you mean epoch-chip-sales"),
        (lambda c: c.model("deepseek-v33"), "did you mean"),
        (lambda c: c.site("hyperscale-uk"), "did you mean hyperscale-us"),
        (lambda c: c.figure("prices", "h100-sxm", "price", "1999"), "unknown date '1999'"),
        (lambda c: c.resolve("fabrics", "token-ring"), "unknown name 'token-ring'"),
    ],
)
def test_what_is_not_there_is_said(catalog: Catalog, call: object, message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        call(catalog)  # type: ignore[operator]


def test_an_alias_gives_the_same_thing_in_any_case(catalog: Catalog) -> None:
    assert catalog.accelerator("h100") is catalog.accelerator("h100-sxm")
    assert catalog.accelerator("H100-SXM") is catalog.accelerator("h100-sxm")
    assert catalog.model("deepseek-r1") is catalog.model("deepseek-v3")
    assert catalog.resolve("accelerators", "rubin") == "vr200"
    assert catalog.fabric("quantum-ndr").name == "infiniband-ndr"


@pytest.mark.parametrize("name", ["rubin-cpx", "mlu690", "groq-3-lpu"])
def test_an_accelerator_without_published_essentials_is_refused(
    catalog: Catalog, name: str
) -> None:
    with pytest.raises(CatalogError, match=f"{name} .*has no bf16 rate"):
        catalog.accelerator(name)


def test_a_figure_carries_its_provenance(catalog: Catalog) -> None:
    figure = catalog.figure("history", "world-h100e", "2025")
    assert isinstance(figure, Figure)
    assert figure.source == "epoch-chip-sales"
    assert catalog.source(figure.source).url.startswith("https://github.com/epoch-research")
    assert figure.bounds == pytest.approx((16_950_469, 22_707_469))
    assert figure.as_of == "2026-04-22"


def test_several_vintages_give_the_latest_unless_one_is_asked_for(catalog: Catalog) -> None:
    assert catalog.value("prices", "h100-sxm", "price", "2022") == pytest.approx(36742, rel=1e-3)
    assert catalog.value("prices", "h100-sxm", "price") < 27_000


def test_text_is_no_number(catalog: Catalog) -> None:
    assert catalog.figure("accelerators", "gb200", "vendor").text == "NVIDIA"
    with pytest.raises(TypeError, match="is text"):
        catalog.value("accelerators", "gb200", "vendor")


def test_only_sources_of_what_was_asked_for_count_as_used() -> None:
    catalog = load_catalog()
    assert catalog.used() == ()
    catalog.rows("history")
    catalog.names("prices")
    assert catalog.used() == ()
    catalog.value("history", "ai-facility-power", "2025")
    assert catalog.used() == ("ai-index-2026-power",)
    catalog.accelerator("h200")
    assert "inferencex-gpu-specs" in catalog.used()
    assert load_catalog().used() == ()


def test_has_and_label_tell_without_raising(catalog: Catalog) -> None:
    assert catalog.has("models", "gpt-oss-120b")
    assert catalog.has("models", "gpt-oss-120b", "window")
    assert not catalog.has("models", "gpt-oss-120b", "wheels")
    assert not catalog.has("models", "gpt-17")
    assert catalog.label("accelerators", "tpu-v7") == "Google TPU v7 Ironwood"


def test_every_name_of_a_typed_table_can_be_built(catalog: Catalog) -> None:
    refused = []
    for name in catalog.names("accelerators"):
        try:
            catalog.accelerator(name)
        except CatalogError:
            refused.append(name)
    assert refused == ["rubin-cpx", "mlu690", "groq-3-lpu"]
    assert all(catalog.model(name).name == name for name in catalog.names("models"))
    assert all(catalog.fabric(name).nic_rate > 0 for name in catalog.names("fabrics"))
    assert all(catalog.site(name).pue >= 1 for name in catalog.names("sites"))


def test_there_are_enough_accelerators_and_models(catalog: Catalog) -> None:
    built = [n for n in catalog.names("accelerators") if catalog.has("accelerators", n, "tdp")]
    published = [n for n in catalog.names("models") if not n.startswith(("frontier", "flagship"))]
    assert len(built) >= 45
    assert len(published) >= 40


def test_asking_again_gives_the_same_object(catalog: Catalog) -> None:
    assert catalog.model("kimi-k2") is catalog.model("kimi-k2")
    assert set(TABLES) >= {"accelerators", "models", "history"}

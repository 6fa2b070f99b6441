"""What `plan --scaling` computes and draws: utilisation against training compute."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from computesim.report.chart import Chart
    from computesim.study.plan.scaling import Scaling


def scaling(
    model: str, accelerator: str, dtype: str, seq_len: int, overlay: Path | None
) -> tuple[Scaling, Scaling]:
    """Return utilisation against compute, with a batch that grows and with one that does not.

    Parameters
    ----------
    model, accelerator, dtype : str
    seq_len : int, token
    overlay : Path or None
        Folder of the user's own catalog tables.
    """
    from computesim import load_catalog
    from computesim.study.plan.batch import batch_for_compute
    from computesim.study.plan.run_level import Reliability
    from computesim.study.plan.scaling import (
        BUDGETS,
        LARGEST_BATCH,
        utilisation_against_compute,
    )

    catalog = load_catalog(overlay)
    arch, chip = catalog.model(model), catalog.accelerator(accelerator)
    growing, fixed = (
        utilisation_against_compute(
            arch, chip, BUDGETS, law, dtype=dtype, seq_len=seq_len,
            reliability=Reliability.of(catalog),
        )
        for law in (batch_for_compute, lambda _: LARGEST_BATCH)
    )  # fmt: skip
    return growing, fixed


def scaling_data(found: tuple[Scaling, Scaling]) -> dict[str, Any]:
    """Return both curves and their limits as plain data.

    Parameters
    ----------
    found : tuple of Scaling
        With a growing batch and with a fixed one.
    """
    return {
        "model": found[0].model,
        "accelerator": found[0].accelerator,
        "duration": found[0].duration,
        **{name: _curve(curve) for name, curve in zip(("growing", "fixed"), found, strict=True)},
    }


def _curve(curve: Scaling) -> dict[str, Any]:
    """Return one curve as plain data."""
    arrays = ("flop", "n_active", "tokens", "batch_tokens", "n_accelerators", "mfu", "all_in",
              "step_floor")  # fmt: skip
    return {
        "small_scale_mfu": curve.small_scale_mfu,
        "linear_limit": curve.linear_limit(),
        "latency_wall": curve.latency_wall,
        "failure_limit": curve.failure_limit,
        **{name: getattr(curve, name).tolist() for name in arrays},
    }


def chart(found: tuple[Scaling, Scaling]) -> Chart:
    """Return utilisation against training compute as a chart.

    Parameters
    ----------
    found : tuple of Scaling
        With a growing batch and with a fixed one.
    """
    from computesim.report.chart import Chart, Series
    from computesim.report.theme import CYCLE
    from computesim.units import show

    growing, fixed = found
    days = growing.duration / 86400.0
    lines = (
        ("batch grows with compute", growing.mfu, CYCLE[0], False),
        (f"batch of {show(float(fixed.batch_tokens[0]), '')} tokens", fixed.mfu, CYCLE[1], False),
        ("growing batch, with failures", growing.all_in, CYCLE[0], True),
    )
    return Chart(
        key="utilisation-against-compute",
        title=f"Utilisation against training compute, {growing.accelerator}",
        question=f"How large can a run of {days:.0f} days be before its machine waits for data?",
        kind="lines",
        y_label="MFU, %",
        counts=(
            f"The best layout of any size of machine that trains the budget in {days:.0f} days; "
            f"models of the proportions of {growing.model}, 20 tokens per parameter. "
            "0: no machine does it."
        ),
        source="computesim; batch: DeepSeek LLM 2024, DeepSeek-V3; failures: Llama 3",
        x=tuple(f"{c:.0e}".replace("e+", "e") for c in growing.flop),
        x_label="Training compute, FLOP",
        series=tuple(
            Series(name, tuple(float(v) * 100 for v in y), colour, dash=dash)
            for name, y, colour, dash in lines
        ),
        notes=(
            f"Linear to {growing.linear_limit():.1e} FLOP (80 % of small-scale MFU); latency wall "
            f"of the fixed batch at {fixed.latency_wall:.0e} FLOP.",
        ),
    )


def write_chart(found: tuple[Scaling, Scaling], folder: Path, formats: list[str]) -> list[Path]:
    """Write the chart as pictures.

    Parameters
    ----------
    found : tuple of Scaling
    folder : Path
        Made when it is not there.
    formats : list of str
        Of svg, png and pdf.
    """
    from computesim.report.export import draw

    folder.mkdir(parents=True, exist_ok=True)
    return draw([chart(found)], folder, formats)

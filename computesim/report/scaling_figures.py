"""The chart of `plan --scaling`: utilisation against training compute."""

from __future__ import annotations

from computesim.calendar import DAY
from computesim.report.chart import Chart, Series
from computesim.report.theme import CYCLE
from computesim.study.plan.scaling import Scalings
from computesim.units import show


def scaling_chart(answer: Scalings) -> Chart:
    """Return utilisation against training compute as a chart.

    Parameters
    ----------
    answer : Scalings
    """
    growing, fixed = answer.growing, answer.fixed
    days = growing.duration / DAY
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
            f"Linear to {growing.linear_limit:.1e} FLOP (80 % of small-scale MFU); latency wall "
            f"of the fixed batch at {fixed.latency_wall:.0e} FLOP.",
        ),
    )

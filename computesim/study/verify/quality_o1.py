"""What OpenAI published about o1 in September 2024, from one Beta law.

The post gives no number on the compute axes of its two plots, so that no slope can be read off
them; what it tells are single points. One concentration (of AIME, fitted to other models), one
rivalry (fitted to o1's vote of 64) and one verifier (to its choice of 1,000) leave the votes of
o1-preview and GPT-4o, GPQA and the Codeforces percentile to check them. The 12 % that the post
names for GPT-4o on AIME is a mean of 1.8 of 15; its appendix has 9.3 % alone and 13.4 % by vote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from computesim.study.verify.cases import FIT, HELD_OUT
from computesim.study.verify.quality import shipped_fits
from computesim.workload.beta import beta_law
from computesim.workload.choice import mean_best_of, mean_consensus
from computesim.workload.links import rated_above
from computesim.workload.quality import fit_rivalry, fit_verifier

VOTES: Final = 64
RERANKED: Final = 1000
O1: Final = {"alone": 11.1 / 15, "by vote": 12.5 / 15, "re-ranked": 13.9 / 15}
#: pass@1 and vote of 64 of the post's appendix
AIME: Final = {"o1-preview": (0.446, 0.567), "gpt-4o": (0.093, 0.134)}
GPQA: Final = {"o1": (0.773, 0.780), "gpt-4o": (0.506, 0.561)}
CODEFORCES: Final = {"gpt-4o": (808, 0.11), "o1-preview": (1258, 0.62), "o1": (1673, 0.89),
                     "o1-ioi": (1807, 0.93)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """One published figure of o1 and its neighbours."""

    name: str
    ours: float  #: percent
    published: float  #: percent
    held_out: str  #: fit or held-out

    @property
    def points(self) -> float:
        """Ours − published."""
        return self.ours - self.published

    @property
    def row(self) -> dict[str, str | float]:
        """As `--json` prints it."""
        return {
            "figure": self.name,
            "predicted": self.ours,
            "value": self.published,
            "error_points": self.points,
            "held_out": self.held_out,
        }


def o1_figures() -> list[Figure]:
    """Return every figure of the post that a law can be asked about."""
    samples = shipped_fits()["samples", "all"].known
    return [*_aime(samples), *_gpqa(samples), *_codeforces()]


def _aime(samples: Mapping[str, float]) -> list[Figure]:
    """Return votes and choice on AIME 2024."""
    concentration = samples["concentration aime-2024"]
    law = beta_law(O1["alone"], concentration)
    rivalry = fit_rivalry(law, VOTES, O1["by vote"])
    verifier = fit_verifier(law, RERANKED, O1["re-ranked"])
    vote, best = mean_consensus(law, VOTES, rivalry), mean_best_of(law, RERANKED, verifier)
    found = [
        _figure("o1, AIME 2024, vote of 64", vote, O1["by vote"], FIT),
        _figure("o1, AIME 2024, best of 1,000", best, O1["re-ranked"], FIT),
    ]
    for model, (alone, voted) in AIME.items():
        ours = mean_consensus(beta_law(alone, concentration), VOTES, rivalry)
        found.append(_figure(f"{model}, AIME 2024, vote of 64", ours, voted, HELD_OUT))
    return found


def _gpqa(samples: Mapping[str, float]) -> list[Figure]:
    """Return votes on GPQA Diamond, with the coefficients of other models."""
    concentration, rivalry = samples["concentration gpqa-diamond"], samples["rivalry choice"]
    return [
        _figure(
            f"{model}, GPQA Diamond, vote of 64",
            mean_consensus(beta_law(alone, concentration), VOTES, rivalry),
            voted,
            HELD_OUT,
        )
        for model, (alone, voted) in GPQA.items()
    ]


def _codeforces() -> list[Figure]:
    known = shipped_fits()["rating", "codeforces"].known
    return [
        _figure(
            f"{model}, Codeforces, rating {rating:,}",
            rated_above(rating, known["midpoint"], known["scale"]),
            above,
            HELD_OUT,
        )
        for model, (rating, above) in CODEFORCES.items()
    ]


def _figure(name: str, ours: float, published: float, held_out: str) -> Figure:
    return Figure(name, 100 * ours, 100 * published, held_out)

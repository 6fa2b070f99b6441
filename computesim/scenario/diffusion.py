"""How the users of a product grow by a law of diffusion, where they are not given by year."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import model_validator

from computesim.scenario.context import Complaint, rejected
from computesim.scenario.fields import CalendarYear, Quantity
from computesim.scenario.part import Part, optional, required
from computesim.scenario.shapes import Case
from computesim.scenario.values import Value

PerYear = Annotated[Value | None, Quantity("1", minimum=1e-6, maximum=100)]


class Observation(Part):
    """A number of users that was observed: a curve goes through two of them."""

    year: CalendarYear = required("When; 2025 is the end of 2025, 2025.5 the middle of 2026.")
    users: Annotated[Value, Quantity("user", minimum=1)] = required("Users at that time.")


class Diffusion(Part):
    """A law of diffusion in the place of a path of users."""

    law: Literal["logistic", "bass"] = optional(
        "logistic",
        "`logistic`: odds of use grow at a constant rate, by `midpoint` and `rate` or through "
        "`first` and `second`. `bass`: adopters by `innovation`, `imitation` and `launch`.",
    )
    ceiling: Annotated[Value, Quantity("user", minimum=1)] = required(
        "Users in the far future; a path over years where the market itself grows."
    )
    midpoint: Annotated[Value | None, Quantity("AD", minimum=1950, maximum=2100)] = optional(
        None, "Calendar year in which half of the ceiling uses it (logistic)."
    )
    rate: PerYear = optional(
        None, "Growth of the odds of use, a plain number per year (logistic): 1 is 2.7 times."
    )
    first: Observation | None = optional(None, "An observed number of users (logistic).")
    second: Observation | None = optional(None, "A second one, at another time (logistic).")
    innovation: PerYear = optional(
        None, "Bass's p, a plain number per year: adoption that does not depend on other users."
    )
    imitation: Annotated[Value | None, Quantity("1", minimum=0, maximum=100)] = optional(
        None, "Bass's q, a plain number per year: adoption in proportion to those who use it."
    )
    launch: Annotated[Value | None, Quantity("AD", minimum=1950, maximum=2100)] = optional(
        None, "Calendar year of the first user (bass); nobody before."
    )

    @model_validator(mode="after")
    def _goes_through_its_points(self) -> Diffusion:
        """Refuse two observations through which no curve of this ceiling goes."""
        if self.first and self.second:
            complaints = [c for case in ("central", "low", "high") for c in self._points(case)][:1]
            if complaints:
                raise rejected(complaints)
        return self

    def _points(self, case: Case) -> list[Complaint]:
        assert self.first
        assert self.second
        found = [(p.year.at(0, case), p.users.at(0, case)) for p in (self.first, self.second)]
        if found[0][0] == found[1][0]:
            return [Complaint(("second", "year"), f"{found[0][0]:g} twice", "two different years")]
        complaints, shares = [], []
        for name, (year, users) in zip(("first", "second"), found, strict=True):
            try:
                ceiling = self.ceiling.at(year, case)
            except ValueError as error:
                told = (str(error), f"a ceiling that covers the year of `{name}`")
                return [Complaint(("ceiling",), *told)]
            shares.append(users / ceiling)
            if users >= ceiling:
                told = (f"{users:g} users ({case})", f"fewer than the ceiling, {ceiling:g}")
                complaints.append(Complaint((name, "users"), *told))
        if not complaints and shares[0] == shares[1]:
            told = ("the same share of the ceiling twice", "two different shares")
            complaints.append(Complaint(("second", "users"), *told))
        return complaints

"""The schema of what a finished model is judged by, beside the metrics."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from fed.config.section import Count, NotNegative, Number, Positive, Section


class Triage(Section):
    """Who needs the other camera: eyes with one image, in the order of how unsure their grade is."""

    mix: Annotated[tuple[NotNegative, ...], Field(min_length=2)] | None = None
    """A mix of grades beside the drawn one, such as a screening service has: a number a class. It
    is entered as the prior before eyes are ranked, and weighs them. null: the drawn mix alone."""

    @field_validator("mix")
    @classmethod
    def _has_cases(cls, mix: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if mix is not None and sum(mix) <= 0:
            raise ValueError("shares must not all be 0")
        return mix


class Sets(Section):
    """Prediction sets: for each eye the grades that hold the true one with a promised probability."""

    coverage: Annotated[Number, Field(gt=0.0, lt=1.0)] = 0.9
    """Share of the eyes whose set is to hold the true grade."""
    calibrate: Literal["local", "federated"] = "local"
    """On whose graded eyes: some of each held-out hospital's own, which are not scored then; or the
    validation splits of the training sites, which promise nothing at a hospital unlike them."""
    cases: Count = 40
    """Graded eyes of each hospital, or of each training site, at most; whole patients."""


class Cost(Section):
    """Price of a camera, in a unit of one's own."""

    oct: Positive = 1.0
    fundus: Positive = 0.2


class Equipment(Section):
    """What the other camera would be worth to each site that owns one."""

    cost: Cost = Cost()
    """Of an OCT scanner and of a fundus camera; only their ratio matters."""
    years: Positive = 1.0
    """In which a site has seen the cases that it has, to say what is gained in one."""

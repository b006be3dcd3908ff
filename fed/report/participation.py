"""What it took until the model was good."""

from collections.abc import Mapping
from dataclasses import dataclass

from fed.results import Cost, ToAccuracy
from fed.sites import CONDITIONS, Condition


@dataclass(frozen=True)
class Mark:
    """A round in which marks of the held-out score were reached.

    Attributes
    ----------
    reached : Mapping
        The highest mark reached in it, by condition.
    cost : Cost
        What all rounds until then had taken.
    """

    reached: Mapping[Condition, str]
    cost: Cost


def marks(found: ToAccuracy) -> tuple[Mark, ...]:
    """Return the rounds in which a mark was first reached, in their order."""
    return tuple(
        Mark(
            reached={
                condition: max(
                    mark for mark, number in found.rounds[condition].items() if number == cost.round
                )
                for condition in CONDITIONS
                if cost.round in found.rounds.get(condition, {}).values()
            },
            cost=cost,
        )
        for cost in found.cost
    )

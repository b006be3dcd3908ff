"""What every part of the configuration is made of: closed, frozen sections and plain numbers."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A part of the configuration: typed, frozen, closed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _not_a_truth_value(value: Any) -> Any:
    """Refuse true and false, which Python counts as 1 and 0: YAML reads `yes` and `no` as them."""
    if isinstance(value, bool):
        raise ValueError(f"expected a number; got {value}")
    return value


Whole = Annotated[int, BeforeValidator(_not_a_truth_value)]
Number = Annotated[float, BeforeValidator(_not_a_truth_value)]

Count = Annotated[Whole, Field(ge=1)]
NotNegative = Annotated[Number, Field(ge=0.0)]
Positive = Annotated[Number, Field(gt=0.0)]
PositiveShare = Annotated[Number, Field(gt=0.0, le=1.0)]
Share = Annotated[Number, Field(ge=0.0, le=1.0)]

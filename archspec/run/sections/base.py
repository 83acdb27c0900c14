"""What every section of a run file is made of: the types of its values."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

PATH = "a path, relative to the run file"
AS_TEXT = "text, where a number is taken as it is written"
NAME_OR_PATH = "a network of the zoo, or a path"
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Decay = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Section(BaseModel):
    """A part of a run file. `short` is the key that a value standing alone is given to: `model: lenet5`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    short: ClassVar[str] = "kind"


def names_of(value: Any) -> list[str] | None:
    """A list of names, whole numbers among them as text, as a table has them; None for anything else."""
    if not isinstance(value, list) or not all(isinstance(name, str) or type(name) is int for name in value):
        return None
    return [str(name) for name in value]

"""`model`: the network of a run."""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from archspec.run.sections.base import AS_TEXT, NAME_OR_PATH, PATH, Count, Section


class Weights(Section):
    """Trained weights to begin from: a run directory (its `best` or `last` weights), a file of safetensors, or another
    program's file through a key map, as `archspec weights import` reads it."""

    short: ClassVar[str] = "path"
    path: Annotated[str, PATH, Field(min_length=1)]
    map: Annotated[str, NAME_OR_PATH] = "identity"
    which: Literal["best", "last"] = "best"


class Model(Section):
    """The network: the name of one of the zoo or a spec file, its variant, and `path: value` overrides.

    It begins with `weights`, where some are named; layers that `replace` names, by patterns as in `train.freeze`, begin
    anew: the last one, where the classes are others."""

    short: ClassVar[str] = "spec"
    spec: Annotated[str, NAME_OR_PATH, Field(min_length=1)]
    variant: Annotated[str | None, AS_TEXT] = None
    set: dict[str, Any] = {}
    input: Annotated[list[Count], Field(min_length=1, max_length=4)] | None = None
    weights: Weights | None = None
    replace: list[Annotated[str, Field(min_length=1)]] = []

    def overrides(self) -> list[str]:
        """`set` as `--set` writes it: `vars.classes=10`. Nested mappings are paths too."""

        def flat(prefix: str, value: Any) -> list[str]:
            if isinstance(value, dict):
                return [o for key, inner in value.items() for o in flat(f"{prefix}.{key}", inner)]
            return [f"{prefix}={json.dumps(value)}"]

        return [o for key, value in self.set.items() for o in flat(key, value)]

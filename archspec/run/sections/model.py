"""`model`: the network of a run."""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archspec.run.sections.base import AS_TEXT, NAME_OR_PATH, Count, Section


class Model(Section):
    """The network: the name of one of the zoo or a spec file, its variant, and `path: value` overrides."""

    short: ClassVar[str] = "spec"
    spec: Annotated[str, NAME_OR_PATH, Field(min_length=1)]
    variant: Annotated[str | None, AS_TEXT] = None
    set: dict[str, Any] = {}
    input: Annotated[list[Count], Field(min_length=1, max_length=4)] | None = None

    def overrides(self) -> list[str]:
        """`set` as `--set` writes it: `vars.classes=10`. Nested mappings are paths too."""

        def flat(prefix: str, value: Any) -> list[str]:
            if isinstance(value, dict):
                return [o for key, inner in value.items() for o in flat(f"{prefix}.{key}", inner)]
            return [f"{prefix}={json.dumps(value)}"]

        return [o for key, value in self.set.items() for o in flat(key, value)]

"""The names that no layer can have, as archspec knows them without torch."""

from __future__ import annotations

import torch

from archspec.build.members import MEMBERS


def test_every_member_of_a_torch_module_is_refused_where_specs_are_checked() -> None:
    own = {name for name in dir(torch.nn.Module()) if not name.startswith("__")}
    assert own <= MEMBERS

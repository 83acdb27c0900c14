"""What is changed at random about the images trained on: the run file's `augment` list carried out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from archspec.errors import Span
from archspec.run.sections import Augment
from archspec.run.sections.augment import PcaColor
from archspec_torch.runtime.augment.augmented import Augmented
from archspec_torch.runtime.augment.colors import Components, components_of
from archspec_torch.runtime.augment.steps import Augmentation, Setting, augmentation_of
from archspec_torch.runtime.augment.targets import Kind, kind_of
from archspec_torch.runtime.data import Examples
from archspec_torch.runtime.images import Frame

__all__ = ["Augmentation", "Augmented", "Components", "augmented", "colors_of", "components_of", "kind_of"]


def augmented(
    examples: Examples,
    section: Sequence[Augment],
    frame: Frame,
    names: Sequence[str],
    kind: Kind,
    spans: Sequence[Span] = (),
) -> Examples:
    """The examples with a run's `augment` list; themselves where it is empty.

    `names`: of the classes, or of the points that an image shows; `kind`: of the targets; `spans`: the place of each
    entry.
    Raises SpecError E638, E639.
    """
    components = cache(lambda: components_of(examples.histogram(), examples.products()))
    setting = Setting(frame, len(names), components, kind, [*spans, *[None] * len(section)])
    return Augmented(examples, augmentation_of(section, setting)) if section else examples


def colors_of(examples: Examples, section: Sequence[Augment]) -> Components | None:
    """What a run keeps of the training split's colours: their components where `pca_color` shifts along them."""
    if not any(isinstance(entry, PcaColor) for entry in section):
        return None
    return components_of(examples.histogram(), examples.products())

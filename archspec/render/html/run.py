"""The page of a run: what it reached and how, with its network, as one file that needs nothing beside itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archspec.graph import TypedGraph
from archspec.render.html import diagram_section, json_text, written
from archspec.render.html.data import data
from archspec.render.units import binary, decimal, grouped

SCRIPTS = ("basics.js", "layout.js", "diagram.js", "run_boxes.js", "run_places.js", "run.js")
STYLES = ("page.css", "run.css")


@dataclass(frozen=True)
class RunPage:
    """What the page of a run tells."""

    name: str
    about: str
    graph: TypedGraph
    facts: Sequence[tuple[str, str]]
    """Terms and figures at the top."""
    records: Sequence[Mapping[str, Any]]
    """The lines of metrics.jsonl."""
    best_epoch: int | None
    settings: Mapping[str, Any]
    """Every setting of the run, by its path."""
    evaluation: Mapping[str, Any]
    """`Evaluation.to_json` of the backend: split, task, n, per_class, confusion, calibration, averages; of boxes
    classes, confusion, errors, curves; of points per_point."""
    gallery: Sequence[Mapping[str, Any]]
    """Mistakes: example, true, predicted, probability, of tags tag, of boxes words, score, of points point, off; image
    (a data URI), width, height."""

    def to_json(self) -> dict[str, Any]:
        """The page's data: that of the network's page, and `run`."""
        network = data(self.graph)
        totals = network["totals"]
        told = [
            ("network", self.graph.name),
            ("input", ", ".join(network["inputs"].values())),
            ("parameters", grouped(totals["params"])),
            ("MACs", decimal(totals["macs"])),
            ("weights", binary(totals["weight_bytes"])),
            ("depth", f"{totals['depth']} weighted layers"),
        ]
        run = {
            "about": self.about,
            "facts": list(self.facts),
            "records": list(self.records),
            "best_epoch": self.best_epoch,
            "settings": [[name, _text(value)] for name, value in self.settings.items()],
            "evaluation": dict(self.evaluation),
            "gallery": list(self.gallery),
            "network": told,
        }
        return {**network, "run": run}


def run_page(page: RunPage) -> str:
    """The page as text. It may show the images written into it, and load none."""
    text = json_text(page.to_json())
    shown = diagram_section("Network", '<dl id="network"></dl>')
    return written("run.html", page.name, SCRIPTS, styles=STYLES, images=True, data=text, diagram=shown)


def _text(value: Any) -> str:
    """As it is written; in quotes where it would not be seen."""
    return value if isinstance(value, str) and value.strip() else json.dumps(value, ensure_ascii=False)

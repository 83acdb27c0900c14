"""archspec: convolutional networks written once, as YAML; checked, counted, drawn, compiled, trained.

>>> import archspec
>>> graph = archspec.load("resnet50", classes=10)
>>> archspec.summarize(graph).totals.params
23528522

Names are resolved when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from archspec.analysis.diff import Difference as Difference
    from archspec.analysis.diff import diff as diff
    from archspec.analysis.roofline import roofline as roofline
    from archspec.analysis.summary import summarize as summarize
    from archspec.analysis.where import where as where
    from archspec.authoring.explaining import explain as explain
    from archspec.authoring.formatting import format as format
    from archspec.authoring.schema import schema as schema
    from archspec.authoring.starting import new as new
    from archspec.authoring.written_out import expand as expand
    from archspec.backend import anchors as anchors
    from archspec.backend import compile as compile
    from archspec.backend import detect as detect
    from archspec.backend import diagnose as diagnose
    from archspec.backend import doctor as doctor
    from archspec.backend import evaluate as evaluate
    from archspec.backend import evaluate_boxes as evaluate_boxes
    from archspec.backend import import_weights as import_weights
    from archspec.backend import inspect as inspect
    from archspec.backend import predict as predict
    from archspec.backend import report_run as report_run
    from archspec.backend import train as train
    from archspec.backend import tune as tune
    from archspec.checking import check as check
    from archspec.comparing import compare as compare
    from archspec.conformance import check_plugin as check_plugin
    from archspec.devices import load_device as load_device
    from archspec.errors import Diagnostic as Diagnostic
    from archspec.errors import SpecError as SpecError
    from archspec.graph import TypedGraph as TypedGraph
    from archspec.loading import load as load
    from archspec.plugins import load_plugin as load_plugin
    from archspec.render.draw import draw as draw
    from archspec.render.html import report as report

_HOME = {
    "Diagnostic": "archspec.errors",
    "SpecError": "archspec.errors",
    "TypedGraph": "archspec.graph",
    "check": "archspec.checking",
    "load": "archspec.loading",
    "load_plugin": "archspec.plugins",
    "check_plugin": "archspec.conformance",
    "new": "archspec.authoring.starting",
    "schema": "archspec.authoring.schema",
    "explain": "archspec.authoring.explaining",
    "format": "archspec.authoring.formatting",
    "expand": "archspec.authoring.written_out",
    "summarize": "archspec.analysis.summary",
    "diff": "archspec.analysis.diff",
    "Difference": "archspec.analysis.diff",
    "where": "archspec.analysis.where",
    "draw": "archspec.render.draw",
    "roofline": "archspec.analysis.roofline",
    "load_device": "archspec.devices",
    "report": "archspec.render.html",
    "compile": "archspec.backend",
    "train": "archspec.backend",
    "doctor": "archspec.backend",
    "tune": "archspec.backend",
    "evaluate": "archspec.backend",
    "evaluate_boxes": "archspec.backend",
    "anchors": "archspec.backend",
    "diagnose": "archspec.backend",
    "compare": "archspec.comparing",
    "predict": "archspec.backend",
    "detect": "archspec.backend",
    "inspect": "archspec.backend",
    "report_run": "archspec.backend",
    "import_weights": "archspec.backend",
}
__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'archspec' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

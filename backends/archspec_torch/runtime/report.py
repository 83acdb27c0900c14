"""The page of a run: its curves, figures and mistakes as report.html."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archspec.comparing import open_compared
from archspec.errors import Diagnostic
from archspec.files import write_text
from archspec.render.html.run import RunPage, run_page
from archspec.run.figures import shown, title
from archspec_torch.runtime import rundir
from archspec_torch.runtime.evaluate import evaluate
from archspec_torch.runtime.evaluation.result import Evaluation


def report_run(
    rundir: str | Path, path: str | Path | None = None, device: str = "auto", overrides: Sequence[str] = ()
) -> tuple[Path, tuple[Diagnostic, ...]]:
    """Measures the best weights (the last, where no epoch ended) as `evaluate` does and writes the page.

    Returns its path, RUNDIR/report.html unless it is given, and what was doubtful. Raises what `evaluate` raises,
    E505 where the page cannot be written.
    """
    directory = Path(rundir)
    weights = "best" if (directory / "best.safetensors").is_file() else "last"
    found = evaluate(directory, weights=weights, device=device, overrides=overrides)
    return write_report(directory, found, Path(path) if path is not None else None), found.warnings


def write_report(directory: Path, found: Evaluation, path: Path | None = None) -> Path:
    """The page of a run that was measured. Raises SpecError E505."""
    run = open_compared(directory)
    figures = run.figures
    best = int(figures.get("best_epoch") or 0)
    facts = []
    if best:
        facts.append(("best epoch", f"{best} of {figures['epochs']}"))
        facts.append((title(run.merit), shown(run.merit, figures[run.merit] or 0.0)))
    facts += [("images", f"{found.n:,} {found.split}")]
    facts += [(f"{found.split} {title(name)}", shown(name, value)) for name, value in found.metrics.brief().items()]
    facts += [(f"{found.split} {name}", told) for name, told in found.metrics.facts()]
    of = f", epoch {found.epoch}" if found.epoch is not None else ""
    page = RunPage(
        name=run.name,
        about=f"{run.graph.name}, {found.weights} weights{of}, measured on the {found.split} images",
        graph=run.graph,
        facts=list(dict(facts).items()),
        records=run.records,
        best_epoch=best or None,
        settings=run.settings,
        evaluation=found.to_json(),
        gallery=_gallery(found),
    )
    path = path or directory / rundir.REPORT
    write_text(path, run_page(page))
    return path


def _gallery(found: Evaluation) -> list[dict[str, Any]]:
    """The surest mistakes with their images as data URIs."""
    mistakes = found.metrics.worst
    if not mistakes or found.answers is None:
        return []
    made = []
    for one, image in zip(mistakes, found.answers.pictures(found.metrics), strict=True):
        image.thumbnail((found.metrics.gallery.side,) * 2)
        kind = "png" if max(image.size) <= 64 else "jpeg"
        stream = io.BytesIO()
        image.save(stream, kind, quality=85)
        uri = f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
        made.append({**one.to_json(), "image": uri, "width": image.width, "height": image.height})
    return made

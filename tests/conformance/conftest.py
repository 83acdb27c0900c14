"""Lets the modules of this folder import one another: `weights`, and the `strategies_…` of the layers."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

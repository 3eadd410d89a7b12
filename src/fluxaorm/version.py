"""The version, where every layer may read it. Nothing else."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"

"""``python -m fluxaorm.cli``: the command where its script is not on the path."""

from __future__ import annotations

from fluxaorm.cli import main

main()

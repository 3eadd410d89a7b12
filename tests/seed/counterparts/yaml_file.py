"""Parsed YAML and the path of its file give the same."""

from __future__ import annotations

from pathlib import Path

import yaml

import fluxaorm as fx

file = Path(__file__).parents[1] / "page" / "config.yaml"
registry = fx.Registry()
registry.init_by_yaml(yaml.safe_load(file.read_text(encoding="utf-8")))

by_path = fx.Registry()
by_path.init_by_yaml(file)
assert by_path.registered == registry.registered
registry.validate(connect=False).close()

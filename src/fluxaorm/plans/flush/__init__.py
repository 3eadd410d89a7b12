"""Flushes, and writes that do without entities."""

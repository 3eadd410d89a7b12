"""Definitions -> ``EntitySchema``s, and everything that is wrong with them as sentences."""

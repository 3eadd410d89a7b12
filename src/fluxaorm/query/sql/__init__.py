"""Queries, conditions and expressions compiled to SQL with ``?`` and values. Sends nothing."""

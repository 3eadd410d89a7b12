"""Alters of tables, and what is done to a whole table."""

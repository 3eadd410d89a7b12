"""A value of a column: what may be assigned, and its Python, stored and raw forms."""

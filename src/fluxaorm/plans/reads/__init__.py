"""Look-ups and searches."""

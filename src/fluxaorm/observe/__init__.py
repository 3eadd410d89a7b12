"""Watching the library at work: the query log. Changes nothing it sees."""

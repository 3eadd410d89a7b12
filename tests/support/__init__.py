"""Fixtures and doubles that the tests share; nothing here is a test, and nothing here is part of the package."""

"""SQLite in the place of MySQL."""

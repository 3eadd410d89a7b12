"""SQLite files and databases in memory."""

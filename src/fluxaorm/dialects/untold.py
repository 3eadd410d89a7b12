"""What a table has and no definition says: CHECKs, triggers, partitions, comments. Pure but for its text.

Each query gives (what, table, name, text): what it is and where, its own name, and what it does in the server's words.
"""

from __future__ import annotations

from typing import Final

_OTHERS: Final = (
    "SELECT 'trigger' AS what, EVENT_OBJECT_TABLE AS table_name, TRIGGER_NAME AS name,"
    " CONCAT(ACTION_TIMING, ' ', EVENT_MANIPULATION) AS text"
    " FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE()",
    "SELECT 'partitions', TABLE_NAME, PARTITION_METHOD, CONCAT(COUNT(*), ' by ', COALESCE(PARTITION_EXPRESSION, ''))"
    " FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() AND PARTITION_NAME IS NOT NULL"
    " GROUP BY TABLE_NAME, PARTITION_METHOD, PARTITION_EXPRESSION",
    "SELECT 'comment', TABLE_NAME, TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES"
    " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' AND TABLE_COMMENT <> ''",
    "SELECT 'comment', TABLE_NAME, COLUMN_NAME, COLUMN_COMMENT FROM information_schema.COLUMNS"
    " WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_COMMENT <> ''",
    "SELECT DISTINCT 'comment', TABLE_NAME, INDEX_NAME, INDEX_COMMENT FROM information_schema.STATISTICS"
    " WHERE TABLE_SCHEMA = DATABASE() AND INDEX_COMMENT <> ''",
)
_MYSQL_CHECKS: Final = (
    "SELECT 'check', owner.TABLE_NAME, found.CONSTRAINT_NAME, found.CHECK_CLAUSE"
    " FROM information_schema.CHECK_CONSTRAINTS found JOIN information_schema.TABLE_CONSTRAINTS owner"
    " USING (CONSTRAINT_SCHEMA, CONSTRAINT_NAME)"
    " WHERE CONSTRAINT_SCHEMA = DATABASE() AND owner.CONSTRAINT_TYPE = 'CHECK'"
)
# a column of JSON has a check of its own there, which its type says already
_MARIADB_CHECKS: Final = (
    "SELECT 'check', TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS"
    " WHERE CONSTRAINT_SCHEMA = DATABASE() AND CHECK_CLAUSE NOT LIKE 'json\\_valid(%'"
)

MYSQL_UNTOLD_SQL: Final = "\nUNION ALL ".join([*_OTHERS, _MYSQL_CHECKS])
MARIADB_UNTOLD_SQL: Final = "\nUNION ALL ".join([*_OTHERS, _MARIADB_CHECKS])
SQLITE_UNTOLD_SQL: Final = (
    "SELECT 'trigger', tbl_name, name, '' FROM sqlite_schema WHERE type = 'trigger' UNION ALL"
    " SELECT 'cascade', m.name, f.\"from\", 'ON DELETE ' || f.on_delete || ' from `' || f.\"table\" || '`'"
    " FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f"
    " WHERE m.type = 'table' AND f.on_delete IN ('CASCADE', 'SET NULL', 'SET DEFAULT')"
)

"""MySQL and MariaDB, and what speaks like them."""

"""MySQL and MariaDB, through three drivers."""

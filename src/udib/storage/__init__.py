"""Where a tenant's records, bytes and short-lived values lie on one machine: SQLite files and a directory."""

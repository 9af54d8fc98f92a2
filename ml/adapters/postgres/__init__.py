"""PostgreSQL behind the ports: append-only rows, written once however often a write is repeated."""

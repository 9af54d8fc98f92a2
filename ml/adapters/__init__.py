"""The adapters: one for each service behind a port. Nothing else knows a service."""

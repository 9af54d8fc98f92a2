"""The local services: what runs, who supervises it, how it starts and stops."""

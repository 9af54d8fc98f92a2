"""The local services: what runs, who supervises it, and how it starts, stops and is looked after."""

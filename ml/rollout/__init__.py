"""Which products people label, and with which known probability."""

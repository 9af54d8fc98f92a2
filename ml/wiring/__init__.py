"""The composition root: settings in, adapters out."""

"""Simulated marketplaces, replayed catalogues and reviewers; pure, no HTTP."""

"""Drift: how served products changed, and what that asks for. Pure; reports come from adapters."""

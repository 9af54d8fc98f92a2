"""Workers to talk to."""

from tests.fakes.serving import empty_worker, worker

__all__ = ["empty_worker", "worker"]

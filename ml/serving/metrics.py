"""What Prometheus reads: counted per worker, added up over all workers of one server.

With several workers prometheus_client keeps each worker's numbers in memory-mapped files of one
folder, so a scrape that reaches any of them sees all, and a counter outlives the worker that
counted. `ml.serving.server` empties that folder when a server starts and a worker ends.
"""

from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_LATENCY_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_MOST_CATEGORIES = 200
_METHODS = {"GET", "POST", "HEAD", "OPTIONS"}


class Metrics:
    """One worker's numbers; `folder` is where all workers of the server keep theirs."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._registry = CollectorRegistry()
        self._answers_metrics()
        self._log_metrics()
        self._shadow = self._counter(
            "regain_shadow", "Products for a comparison's other model", ("result",)
        )
        self._model_metrics()

    def _answers_metrics(self) -> None:
        self._requests = self._counter(
            "regain_requests", "HTTP requests answered", ("method", "route", "status")
        )
        self._seconds = Histogram(
            "regain_request_seconds",
            "Time to answer an HTTP request",
            ("route",),
            buckets=_LATENCY_SECONDS,
            registry=self._registry,
        )
        self._predictions = self._counter(
            "regain_predictions", "Products classified", ("model_version", "arm")
        )
        self._categories = self._counter(
            "regain_predicted_category", "Products classified, by category", ("category",)
        )
        self.low_confidence = self._counter(
            "regain_low_confidence", "Products answered under the confidence threshold"
        )
        self._selections = self._counter(
            "regain_review_selections", "Products put before a person", ("reason",)
        )
        self._cache = self._counter("regain_cache", "Look-ups in the cache", ("result",))
        self.cache_errors = self._counter(
            "regain_cache_errors", "Look-ups in vain, because the cache was away"
        )

    def _log_metrics(self) -> None:
        self._rows = self._counter(
            "regain_spool_rows", "Predictions and shadow scores that left the spool", ("outcome",)
        )
        self.spool_failures = self._counter(
            "regain_spool_failures", "Attempts to store predictions that failed"
        )
        self._backlog_rows = self._gauge(
            "regain_spool_backlog_rows", "Predictions answered and not stored yet"
        )
        self._backlog_bytes = self._gauge("regain_spool_backlog_bytes", "Size of that backlog")

    def _model_metrics(self) -> None:
        self.model_load_failures = self._counter(
            "regain_model_load_failures", "Attempts to load a model that failed"
        )
        self._model_problem = self._gauge(
            "regain_workers_behind", "Workers that can't serve what the ledger says"
        )
        self._model_version = self._version_gauge(
            "regain_model_version", "Version each worker serves as champion"
        )
        self._challenger_version = self._version_gauge(
            "regain_challenger_version", "Version each worker serves as challenger, 0 for none"
        )

    def _counter(self, name: str, help_text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, help_text, labels, registry=self._registry)

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(name, help_text, registry=self._registry, multiprocess_mode="livesum")

    def _version_gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(name, help_text, registry=self._registry, multiprocess_mode="liveall")

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One HTTP request; `route` is the template, so that ids do not become series."""
        bounded = method if method in _METHODS else "(other)"
        self._requests.labels(bounded, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def predicted(self, model_version: int, arm: str, category: str, category_index: int) -> None:
        """One product; categories beyond the first two hundred count together."""
        self._predictions.labels(str(model_version), arm).inc()
        bounded = category if category_index < _MOST_CATEGORIES else "(others)"
        self._categories.labels(bounded).inc()

    def selected(self, reason: str) -> None:
        """One coin of the review selection came up."""
        self._selections.labels(reason).inc()

    def cached(self, hits: int, misses: int) -> None:
        """Look-ups in the cache."""
        self._cache.labels("hit").inc(hits)
        self._cache.labels("miss").inc(misses)

    def spooled(self, outcome: str, rows: int) -> None:
        """Rows that left the spool: `stored`, `rejected` or `torn`."""
        self._rows.labels(outcome).inc(rows)

    def shadow(self, result: str, products: int) -> None:
        """Shadow work: `queued`, and of that `scored`; `dropped` (no room, or no use any more);
        `failed` (an error, which was logged; a model that broke is scored as one without answer).
        """
        self._shadow.labels(result).inc(products)

    def backlog(self, rows: int, size_bytes: int) -> None:
        """What this worker still has to store."""
        self._backlog_rows.set(rows)
        self._backlog_bytes.set(size_bytes)

    def serving(self, champion: int, challenger: int, *, behind: bool) -> None:
        """The versions this worker serves (0: none), and whether the ledger names others."""
        self._model_version.set(champion)
        self._challenger_version.set(challenger)
        self._model_problem.set(behind)

    def render(self) -> bytes:
        """All workers' numbers in Prometheus' text format."""
        if self._folder is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self._folder))  # type: ignore[no-untyped-call]  # theirs
        return generate_latest(registry)

"""What the driver of the loop holds in its hands: clients of every service, and patience."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Self, TypeVar

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from ml.demo.airflow import AirflowClient, DagRun
from ml.demo.stages import Stage, Stages
from ml.domain.errors import ServiceUnavailable
from ml.domain.rollouts import Rollout
from ml.serving.client import ServingClient
from ml.wiring import endpoints
from ml.wiring.build import Services
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets

SHADOW_COUNTER = "regain_shadow"
RUN_TIMEOUT_SECONDS = 1_800.0
VERSION_GAUGES = ("regain_model_version", "regain_challenger_version")
PATIENCE_SECONDS = 120.0  # how long a client rides out a service that restarts

T = TypeVar("T")


class Backstage:
    """Connections to a running stack; close it, or use it as a context."""

    def __init__(self, settings: Settings, stages: Stages) -> None:
        secrets = load_secrets(settings.state)
        self.settings = settings
        self.stages = stages
        self.services = Services(settings)
        self._connections = ExitStack()
        self._secrets = secrets
        self.serving = self._connections.enter_context(self.connect())
        self.review_desk = self._connections.enter_context(self._client(secrets.reviewer_key))
        self.airflow = self._connections.enter_context(
            AirflowClient(
                endpoints.airflow_url(settings),
                user=settings.airflow_user,
                password=secrets.airflow_password,
                patience_seconds=PATIENCE_SECONDS,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connections.close()

    def patiently(self, ask: Callable[[], T]) -> T:
        """Ask a service, again while it restarts; raises ServiceUnavailable when it stays away."""
        return retry(
            retry=retry_if_exception_type(ServiceUnavailable),
            stop=stop_after_delay(PATIENCE_SECONDS),
            wait=wait_fixed(1),
            reraise=True,
        )(ask)()

    def rollout(self) -> Rollout:
        """Who serves, by the ledger."""
        return self.patiently(self.services.ledger.rollout)

    def served_versions(self) -> list[tuple[int, int]]:
        """Champion and challenger (0: none) of every serving worker, as it tells Prometheus."""
        versions: dict[str, dict[str, int]] = {name: {} for name in VERSION_GAUGES}
        for sample in self._metrics(*VERSION_GAUGES):
            versions[sample.name][sample.labels.get("pid", "")] = int(sample.value)
        champions, challengers = (versions[name] for name in VERSION_GAUGES)
        return [(version, challengers.get(pid, 0)) for pid, version in champions.items()]

    def shadow_work(self) -> Counter[str]:
        """Products that a second model was to score by what became of them, since workers began."""
        work: Counter[str] = Counter()
        for sample in self._metrics(SHADOW_COUNTER):
            if sample.name == f"{SHADOW_COUNTER}_total":
                work[sample.labels["result"]] += int(sample.value)
        return work

    def play(self, dag_id: str, run_id: str, as_of: datetime, stage: Stage) -> DagRun:
        """Start a DAG with the time it is to speak of and wait until it has succeeded."""
        self.airflow.wait_for_dag(dag_id)
        self.airflow.trigger(dag_id, as_of=as_of, run_id=run_id)
        return self.airflow.follow(
            dag_id, run_id, timeout_seconds=RUN_TIMEOUT_SECONDS, on_change=stage.show_run
        )

    def _metrics(self, *families: str) -> Iterator[Sample]:
        url = f"{endpoints.serving_url(self.settings)}/metrics"
        try:
            text = httpx.get(url, timeout=10).raise_for_status().text
        except httpx.HTTPError as error:
            raise ServiceUnavailable(f"the serving API does not answer ({error})") from error
        for family in text_string_to_metric_families(text):
            if family.name in families:
                yield from family.samples

    def connect(self) -> ServingClient:
        """A connection of its own to the serving API."""
        return self._client(self._secrets.api_key)

    def _client(self, key: str) -> ServingClient:
        url = endpoints.serving_url(self.settings)
        return ServingClient(url, api_key=key, patience_seconds=PATIENCE_SECONDS)

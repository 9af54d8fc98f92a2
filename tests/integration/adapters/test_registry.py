"""One contract for the registry, over the fake and over a real MLflow server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from ml.domain.digests import digest_files
from ml.domain.errors import NotFound, RegainError, ServiceUnavailable
from ml.domain.labels import LabelSpace, SnapshotRef
from ml.domain.ports import Candidate, ModelRegistry
from tests.fakes.registry import InMemoryModelRegistry

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
SNAPSHOT = SnapshotRef("d" * 64, "file:///snapshots/d.parquet", AS_OF, 1, 10)
pytestmark = pytest.mark.filterwarnings("default")  # MLflow warns of its own types when imported


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow")
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        *[sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"],
        *["--port", url.rsplit(":", 1)[1], "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"],
        *["--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")],
    ]
    environment = {
        **os.environ,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    }
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_healthy(url, server, folder / "log")
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def _wait_until_healthy(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    pytest.fail(f"MLflow did not start: {log.read_text()[-2000:]}")


@pytest.fixture(params=["fake", pytest.param("mlflow", marks=pytest.mark.integration)])
def registry(request: pytest.FixtureRequest) -> ModelRegistry:
    if request.param == "fake":
        return InMemoryModelRegistry()
    from ml.adapters.registry.mlflow_registry import MlflowRegistry

    return MlflowRegistry(request.getfixturevalue("mlflow_url"))


@pytest.fixture
def make_candidate(request: pytest.FixtureRequest) -> Callable[[str], Candidate]:
    def make(name: str) -> Candidate:
        files = {"bundle.json": b"{}", "text/model": name.encode()}
        return Candidate(
            key=f"{request.node.name}-{name}",
            bundle_digest=digest_files(files),
            files=files,
            reports={"classes.json": b"{}", "pictures/confusion.png": b"png"},
            params={"seed": "42"},
            metrics={"fused_weighted_f1": 0.8},
            tags={"regain.snapshot": SNAPSHOT.digest},
            snapshot=SNAPSHOT,
            label_space=LabelSpace(1, ("a", "b")),
            as_of=AS_OF,
        )

    return make


def test_a_registered_version_is_found_with_its_figures_and_files(registry, make_candidate) -> None:
    candidate = make_candidate("one")
    version = registry.register(candidate)
    assert registry.get(version.version) == version
    assert version.metrics == candidate.metrics
    assert version.bundle_digest == candidate.bundle_digest
    assert version.tags["regain.snapshot"] == SNAPSHOT.digest
    assert registry.files(version.version) == candidate.files


def test_the_same_key_is_one_version_and_another_key_another(registry, make_candidate) -> None:
    first = registry.register(make_candidate("one"))
    again = registry.register(make_candidate("one"))
    other = registry.register(make_candidate("two"))
    assert again.version == first.version
    assert other.version != first.version


def test_an_alias_moves(registry, make_candidate) -> None:
    first, second = (registry.register(make_candidate(name)) for name in ("one", "two"))
    registry.set_alias("champion", first.version)
    registry.set_alias("champion", second.version)
    assert registry.aliases()["champion"] == second.version


def test_an_alias_is_dropped_and_may_be_missing(registry, make_candidate) -> None:
    registry.set_alias("challenger", registry.register(make_candidate("one")).version)
    registry.drop_alias("challenger")
    registry.drop_alias("challenger")
    assert "challenger" not in registry.aliases()


def test_an_alias_of_a_version_that_is_not_there_is_not_found(registry, make_candidate) -> None:
    registry.register(make_candidate("one"))
    with pytest.raises(NotFound):
        registry.set_alias("champion", 9_999)


def test_a_note_stays_until_the_next_one(registry, make_candidate) -> None:
    registry.register(make_candidate("one"))
    for note in ('{"champion": 1}', "another"):
        registry.set_note(note)
        assert registry.note() == note


def test_tags_are_added(registry, make_candidate) -> None:
    version = registry.register(make_candidate("one"))
    registry.tag(version.version, {"regain.gate": "refused"})
    tags = registry.get(version.version).tags
    assert tags == {**version.tags, "regain.gate": "refused"}


def test_an_unknown_version_is_not_found(registry, make_candidate) -> None:
    registry.register(make_candidate("one"))
    with pytest.raises(NotFound):
        registry.get(9_999)
    with pytest.raises(NotFound):
        registry.files(9_999)


@pytest.mark.integration
def test_a_deleted_version_takes_its_alias_along(mlflow_url: str, make_candidate) -> None:
    from ml.adapters.registry.mlflow_registry import MlflowRegistry

    registry = MlflowRegistry(mlflow_url)
    version = registry.register(make_candidate("one")).version
    registry.set_alias("challenger", version)
    registry._client.delete_model_version("regain", str(version))
    assert "challenger" not in registry.aliases()
    for look in (registry.get, lambda gone: registry.set_alias("challenger", gone)):
        with pytest.raises(NotFound):
            look(version)


@pytest.mark.integration
def test_a_version_that_regain_did_not_register_is_not_found(mlflow_url: str) -> None:
    from ml.adapters.registry.mlflow_registry import MlflowRegistry

    registry = MlflowRegistry(mlflow_url)
    run = registry._client.create_run(registry._experiment_id())
    made = registry._client.create_model_version(
        "regain", source=run.info.artifact_uri, run_id=run.info.run_id
    )
    with pytest.raises(NotFound, match="was not registered by regain"):
        registry.get(int(made.version))


@pytest.mark.integration
def test_a_registration_cut_off_after_the_run_takes_up_the_same_run(
    mlflow_url: str, make_candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml.adapters.registry.mlflow_registry import MlflowRegistry

    candidate = make_candidate("cut-off")
    registry = MlflowRegistry(mlflow_url)
    for step in ("_log_model", "_create_version"):
        with monkeypatch.context() as patch:
            patch.setattr(registry, step, _killed)
            with pytest.raises(KeyboardInterrupt):
                registry.register(candidate)
    version = registry.register(candidate)
    runs = registry._client.search_runs(["1"], f"tags.`regain.key` = '{candidate.key}'")
    assert [run.info.run_id for run in runs] == [version.run_id]


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.integration
def test_two_that_register_at_once_leave_one_version(
    mlflow_url: str, make_candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task thought dead and its retry: neither saw the other's version when it looked."""
    from ml.adapters.registry.mlflow_registry import MlflowRegistry

    candidate = make_candidate("twice")
    first = MlflowRegistry(mlflow_url).register(candidate)
    second = MlflowRegistry(mlflow_url)
    look, looks = second._find_version, iter([None])
    monkeypatch.setattr(second, "_find_version", lambda key: next(looks, look(key)))
    assert second.register(candidate) == first
    with pytest.raises(NotFound):
        second.get(first.version + 1)


@pytest.mark.integration
def test_the_run_names_the_snapshot_as_its_dataset(mlflow_url: str, make_candidate) -> None:
    from ml.adapters.registry.mlflow_registry import MlflowRegistry

    registry = MlflowRegistry(mlflow_url)
    run = registry._client.get_run(registry.register(make_candidate("one")).run_id)
    (dataset,) = [entry.dataset for entry in run.inputs.dataset_inputs]
    assert SNAPSHOT.digest in dataset.name
    assert SNAPSHOT.digest.startswith(dataset.digest)


@pytest.mark.integration
def test_the_version_is_a_pyfunc_that_answers(mlflow_url: str, make_candidate) -> None:
    import mlflow

    from ml.adapters.registry.mlflow_registry import MlflowRegistry
    from tests.fakes.bundles import tiny_bundle

    bundle = tiny_bundle()
    files = bundle.to_files()
    candidate = replace(make_candidate("pyfunc"), files=files, bundle_digest=digest_files(files))
    version = MlflowRegistry(mlflow_url).register(candidate)
    mlflow.set_tracking_uri(mlflow_url)
    model = mlflow.pyfunc.load_model(f"models:/regain/{version.version}")
    answer = model.predict(pd.DataFrame({"title": ["red shoe", "blue book"]}))
    assert list(answer["category"]) == ["shoes", "books"]
    assert np.all((answer["confidence"] > 0.5) & (answer["confidence"] <= 1))


@pytest.mark.integration
def test_registering_prints_nothing(mlflow_url: str, make_candidate) -> None:
    """In a process of its own: pytest would catch what MLflow says."""
    program = (
        "import datetime\n"
        "from ml.adapters.registry.mlflow_registry import MlflowRegistry\n"
        "from ml.domain.labels import LabelSpace, SnapshotRef\n"
        "from ml.domain.ports import Candidate\n"
        f"MlflowRegistry({mlflow_url!r}).register({make_candidate('silent')!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.integration
def test_a_webhook_is_registered_once_and_brought_up_to_date(mlflow_url: str) -> None:
    from mlflow import MlflowClient

    from ml.adapters.registry.webhooks import EVENTS, NAME, register_webhook

    for url in ("http://127.0.0.1:1/first", "http://127.0.0.1:1/second"):
        register_webhook(mlflow_url, url=url, secret="open sesame")
    (found,) = MlflowClient(mlflow_url, mlflow_url).list_webhooks()
    assert (found.name, found.url, found.status) == (NAME, "http://127.0.0.1:1/second", "ACTIVE")
    assert {str(event) for event in found.events} == set(EVENTS)


@pytest.mark.integration
def test_a_webhook_to_where_mlflow_may_not_send_is_refused(mlflow_url: str) -> None:
    from ml.adapters.registry.webhooks import register_webhook

    with pytest.raises(RegainError, match="MLflow refused"):
        register_webhook(mlflow_url, url="ftp://127.0.0.1:1/", secret="open sesame")


@pytest.mark.integration
def test_a_server_that_is_away_is_said_within_seconds() -> None:
    from ml.adapters.registry.mlflow_registry import MlflowRegistry

    with pytest.raises(ServiceUnavailable, match="regain status"):
        MlflowRegistry(f"http://127.0.0.1:{free_port()}").get(1)


@pytest.mark.integration
def test_errors_show_no_password() -> None:
    from ml.adapters.registry.mlflow_registry import MlflowRegistry

    registry = MlflowRegistry(f"http://me:hunter2@127.0.0.1:{free_port()}/mlflow")
    with pytest.raises(ServiceUnavailable) as raised:
        registry.get(1)
    assert "hunter2" not in str(raised.value)
    assert "/mlflow" in str(raised.value)

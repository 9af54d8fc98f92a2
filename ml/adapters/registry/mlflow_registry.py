"""The model registry on an MLflow tracking server.

A candidate is identified by its key, kept as a tag on run and version: whatever was killed in the
middle, the next call finds what is there and finishes it, so no key ever has two versions.
"""

import tempfile
import warnings
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from urllib.parse import urlsplit

import mlflow
from mlflow import MlflowClient
from mlflow import environment_variables as environment
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion as MlflowModelVersion
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from ml.adapters.registry.faults import reachable
from ml.domain.errors import NotFound
from ml.domain.labels import SnapshotRef
from ml.domain.ports import Candidate, ModelVersion

MODEL_NAME = "regain"
EXPERIMENT = "regain"
KEY_TAG = "regain.key"
BUNDLE_TAG = "regain.bundle_digest"
MODEL_URI_TAG = "regain.model_uri"
NOTE_TAG = "regain.shown"
DATASET_DIGEST_LENGTH = 36  # what MLflow's table holds; the full digest is in the dataset's name

PYFUNC_FILE = Path(__file__).with_name("pyfunc.py")
REQUIRED_PACKAGES = (
    *("mlflow", "numpy", "pandas", "pyarrow", "pillow", "safetensors", "scikit-learn", "scipy"),
    *("timm", "torch", "torchvision"),
)
XGBOOST_PACKAGES = ("xgboost-cpu", "xgboost")  # one of them gives the module
SIGNATURE = ModelSignature(
    inputs=Schema(
        [
            ColSpec(DataType.string, "title", required=False),
            ColSpec(DataType.string, "description", required=False),
            ColSpec(DataType.string, "image", required=False),
        ]
    ),
    outputs=Schema([ColSpec(DataType.string, "category"), ColSpec(DataType.double, "confidence")]),
)


class MlflowRegistry:
    """Implements ports.ModelRegistry; `tracking_url` is the server's http(s) address."""

    def __init__(self, tracking_url: str) -> None:
        self._url = tracking_url
        self._shown = _without_credentials(tracking_url)
        # MLflow reads these from its process: it gives up within seconds, our callers retry.
        environment.MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(3)
        environment.MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR.set(1)
        environment.MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.set(True)
        environment.MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)
        self._client = MlflowClient(tracking_uri=tracking_url, registry_uri=tracking_url)

    def register(self, candidate: Candidate) -> ModelVersion:
        with reachable(self._shown):
            found = self._find_version(candidate.key)
            if found is None:
                run = self._logged_run(candidate)
                found = self._only_version(self._create_version(run, candidate))
            return self._to_domain(found)

    def get(self, version: int) -> ModelVersion:
        with reachable(self._shown):
            return self._to_domain(self._client.get_model_version(MODEL_NAME, str(version)))

    def files(self, version: int) -> dict[str, bytes]:
        with reachable(self._shown), tempfile.TemporaryDirectory() as folder:
            uri = self._client.get_model_version_download_uri(MODEL_NAME, str(version))
            root = Path(
                mlflow.artifacts.download_artifacts(
                    artifact_uri=uri, dst_path=folder, tracking_uri=self._url
                )
            )
            bundle = root / "artifacts" / "bundle"
            return {
                str(path.relative_to(bundle)): path.read_bytes()
                for path in sorted(bundle.rglob("*"))
                if path.is_file()
            }

    def tag(self, version: int, tags: Mapping[str, str]) -> None:
        with reachable(self._shown):
            for name, value in tags.items():
                self._client.set_model_version_tag(MODEL_NAME, str(version), name, value)

    def set_alias(self, alias: str, version: int) -> None:
        with reachable(self._shown):
            self._client.set_registered_model_alias(MODEL_NAME, alias, str(version))

    def drop_alias(self, alias: str) -> None:
        with suppress(NotFound), reachable(self._shown):
            self._client.delete_registered_model_alias(MODEL_NAME, alias)

    def aliases(self) -> dict[str, int]:
        model = self._registered_model()
        return {alias: int(version) for alias, version in model.aliases.items()} if model else {}

    def note(self) -> str | None:
        model = self._registered_model()
        return model.tags.get(NOTE_TAG) if model else None

    def set_note(self, note: str) -> None:
        with reachable(self._shown):
            self._client.set_registered_model_tag(MODEL_NAME, NOTE_TAG, note)

    def _registered_model(self) -> RegisteredModel | None:
        """The model with its aliases and tags; None before anything is registered."""
        try:
            with reachable(self._shown):
                return self._client.get_registered_model(MODEL_NAME)
        except NotFound:
            return None

    def _find_version(self, key: str) -> MlflowModelVersion | None:
        found = self._client.search_model_versions(
            f"name = '{MODEL_NAME}' AND tags.`{KEY_TAG}` = '{key}'"
        )
        return min(found, key=lambda version: int(version.version)) if found else None

    def _only_version(self, created: MlflowModelVersion) -> MlflowModelVersion:
        """The first version of this key; one that a task thought dead made meanwhile is removed."""
        first = self._find_version(created.tags[KEY_TAG]) or created
        if first.version != created.version:
            self._client.delete_model_version(MODEL_NAME, created.version)
        return first

    def _logged_run(self, candidate: Candidate) -> Run:
        """The finished run of this candidate; one that was cut off is taken up again."""
        experiment_id = self._experiment_id()
        runs = self._client.search_runs(
            [experiment_id], f"tags.`{KEY_TAG}` = '{candidate.key}'", max_results=1
        )
        if runs and MODEL_URI_TAG in runs[0].data.tags:
            return runs[0]
        run = (
            runs[0]
            if runs
            else self._client.create_run(
                experiment_id,
                run_name=f"retrain {candidate.as_of:%Y-%m-%d}",
                tags={
                    KEY_TAG: candidate.key,
                    BUNDLE_TAG: candidate.bundle_digest,
                    **candidate.tags,
                },
            )
        )
        run_id = run.info.run_id
        self._log(run_id, candidate)
        self._client.set_terminated(run_id)
        return self._client.get_run(run_id)

    def _experiment_id(self) -> str:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            return str(self._client.create_experiment(EXPERIMENT))
        return str(experiment.experiment_id)

    def _log(self, run_id: str, candidate: Candidate) -> None:
        for name, value in candidate.params.items():
            self._client.log_param(run_id, name, value)
        for name, metric in candidate.metrics.items():
            self._client.log_metric(run_id, name, metric)
        with tempfile.TemporaryDirectory() as folder:
            reports = Path(folder, "reports")
            _write(candidate.reports, reports)
            self._client.log_artifacts(run_id, str(reports))
            bundle = Path(folder, "bundle")
            _write(candidate.files, bundle)
            model_uri = self._log_model(run_id, bundle, candidate.snapshot)
        self._client.set_tag(run_id, MODEL_URI_TAG, model_uri)  # last: the run is complete

    def _log_model(self, run_id: str, bundle: Path, snapshot: SnapshotRef) -> str:
        """MLflow's own context is global to the process, so it is set and left here."""
        mlflow.set_tracking_uri(self._url)
        dataset = MetaDataset(
            CodeDatasetSource(tags={"snapshot": snapshot.uri, "as_of": snapshot.as_of.isoformat()}),
            name=f"label-snapshot-{snapshot.digest}",
            digest=snapshot.digest[:DATASET_DIGEST_LENGTH],
        )
        with mlflow.start_run(run_id=run_id, log_system_metrics=False), warnings.catch_warnings():
            # An example would tell nothing that the signature does not, and cost a prediction.
            warnings.filterwarnings("ignore", ".*An input example was not provided", UserWarning)
            mlflow.log_input(dataset, context="training")
            model = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(PYFUNC_FILE),
                artifacts={"bundle": str(bundle)},
                signature=SIGNATURE,
                pip_requirements=_requirements(),
            )
        return str(model.model_uri)

    def _create_version(self, run: Run, candidate: Candidate) -> MlflowModelVersion:
        try:
            self._client.create_registered_model(
                MODEL_NAME, description="Text + image product classifier, retrained by regain"
            )
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        model_uri = run.data.tags[MODEL_URI_TAG]
        return self._client.create_model_version(
            MODEL_NAME,
            source=model_uri,
            run_id=run.info.run_id,
            model_id=model_uri.removeprefix("models:/"),
            tags={KEY_TAG: candidate.key, BUNDLE_TAG: candidate.bundle_digest, **candidate.tags},
            description=f"Trained on label snapshot {candidate.snapshot.digest}",
            await_creation_for=None,  # its files are stored already: it is ready at once
        )

    def _to_domain(self, found: MlflowModelVersion) -> ModelVersion:
        if not {KEY_TAG, BUNDLE_TAG} <= found.tags.keys():
            raise NotFound(
                f"version {found.version} was not registered by regain: it has no tag "
                f"{KEY_TAG} or {BUNDLE_TAG}, so nothing can serve it"
            )
        run = self._client.get_run(found.run_id)
        return ModelVersion(
            version=int(found.version),
            key=found.tags[KEY_TAG],
            run_id=found.run_id,
            bundle_digest=found.tags[BUNDLE_TAG],
            metrics=dict(run.data.metrics),
            tags=dict(found.tags),
            url=f"{self._shown}/#/models/{MODEL_NAME}/versions/{found.version}",
            run_url=f"{self._shown}/#/experiments/{run.info.experiment_id}/runs/{found.run_id}",
        )


def _without_credentials(url: str) -> str:
    """The URL as it may be shown to people."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _requirements() -> list[str]:
    """What the pyfunc imports beside the regain package, as it is installed here."""
    names = [*REQUIRED_PACKAGES]
    names += [name for name in XGBOOST_PACKAGES if _is_installed(name)][:1]
    return [f"{name}=={installed(name)}" for name in names]


def _is_installed(name: str) -> bool:
    try:
        installed(name)
    except PackageNotFoundError:
        return False
    return True


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

"""The registry of model versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ml.domain.labels import LabelSpace, SnapshotRef


@dataclass(frozen=True)
class Candidate:
    """A trained bundle with everything the registry shows about it.

    `key` names it for ever: registering the same key again returns the version that exists.
    `files` are the bundle's, `reports` further artifacts by path (pictures, JSON), `metrics` flat
    floats, `params` and `tags` flat strings.
    """

    key: str
    bundle_digest: str
    files: Mapping[str, bytes]
    reports: Mapping[str, bytes]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    snapshot: SnapshotRef
    label_space: LabelSpace
    as_of: datetime


@dataclass(frozen=True)
class ModelVersion:
    """A registered version, as the registry tells it; `url` opens its page, `run_url` its run's."""

    version: int
    key: str
    run_id: str
    bundle_digest: str
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    url: str
    run_url: str


class ModelRegistry(Protocol):
    """The registry ML engineers look at; aliases follow the rollout ledger."""

    def register(self, candidate: Candidate) -> ModelVersion:
        """Log the run and create the version, once per key, however often it is called."""
        ...

    def get(self, version: int) -> ModelVersion:
        """One version; raises NotFound."""
        ...

    def files(self, version: int) -> dict[str, bytes]:
        """The bundle's files of one version; raises NotFound."""
        ...

    def tag(self, version: int, tags: Mapping[str, str]) -> None:
        """Add tags to a version, such as the gate's decision."""
        ...

    def set_alias(self, alias: str, version: int) -> None:
        """Point an alias at a version; raises NotFound for one that is not there, or no more."""
        ...

    def drop_alias(self, alias: str) -> None:
        """Remove an alias; one that does not exist is fine."""
        ...

    def aliases(self) -> dict[str, int]: ...

    def note(self) -> str | None:
        """What was last noted at the registered model by `set_note`; None: nothing was."""
        ...

    def set_note(self, note: str) -> None:
        """Keep a text at the registered model; raises NotFound before anything is registered."""
        ...

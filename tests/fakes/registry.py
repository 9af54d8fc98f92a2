"""The model registry in memory."""

from collections.abc import Mapping
from dataclasses import replace

from ml.domain.errors import NotFound
from ml.domain.ports import Candidate, ModelVersion


class InMemoryModelRegistry:
    def __init__(self) -> None:
        self._versions: dict[int, ModelVersion] = {}
        self._files: dict[int, dict[str, bytes]] = {}
        self._aliases: dict[str, int] = {}
        self._note: str | None = None
        self._made = 0

    def register(self, candidate: Candidate) -> ModelVersion:
        for known in self._versions.values():
            if known.key == candidate.key:
                return known
        self._made += 1
        version = self._made
        self._files[version] = dict(candidate.files)
        self._versions[version] = ModelVersion(
            version=version,
            key=candidate.key,
            run_id=f"run-{version}",
            bundle_digest=candidate.bundle_digest,
            metrics=dict(candidate.metrics),
            tags=dict(candidate.tags),
            url=f"memory://registry/{version}",
            run_url=f"memory://registry/runs/run-{version}",
        )
        return self._versions[version]

    def get(self, version: int) -> ModelVersion:
        try:
            return self._versions[version]
        except KeyError:
            raise NotFound(f"model version {version} does not exist") from None

    def files(self, version: int) -> dict[str, bytes]:
        self.get(version)
        return dict(self._files[version])

    def tag(self, version: int, tags: Mapping[str, str]) -> None:
        found = self.get(version)
        self._versions[version] = replace(found, tags={**found.tags, **tags})

    def set_alias(self, alias: str, version: int) -> None:
        self.get(version)
        self._aliases[alias] = version

    def drop_alias(self, alias: str) -> None:
        self._aliases.pop(alias, None)

    def aliases(self) -> dict[str, int]:
        return dict(self._aliases)

    def note(self) -> str | None:
        return self._note

    def set_note(self, note: str) -> None:
        if not self._made:
            raise NotFound("nothing is registered yet")
        self._note = note

    def delete(self, version: int) -> None:
        """What an engineer does in MLflow: the version goes, and its aliases with it."""
        del self._versions[version]
        self._aliases = {name: each for name, each in self._aliases.items() if each != version}

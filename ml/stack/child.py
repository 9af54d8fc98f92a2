"""The launcher of every supervised process: `python -m ml.stack.child SPEC PIDS`.

It ends what a killed predecessor of the same service left behind, records its own pid and start
time, and then becomes the service. SPEC is a JSON file only its owner reads, so neither secrets nor
quoting rules reach a command line or supervisor's configuration.
"""

import json
import os
import pwd
import signal
import sys
from pathlib import Path

import psutil

from ml.stack.processes import SERVICE_VARIABLE, STACK_VARIABLE, end, marked, record

# What a user's shell may carry for other installations must not leak into this one.
_FOREIGN_PREFIXES = ("AIRFLOW_", "GUNICORN_", "MLFLOW_", "PG", "PROMETHEUS_", "REGAIN_")


def inherited_environment() -> dict[str, str]:
    """The part of the caller's environment that a service may see."""
    caller = dict(os.environ)  # noqa: TID251 - a launcher hands its environment on
    return {name: value for name, value in caller.items() if not name.startswith(_FOREIGN_PREFIXES)}


def _end_predecessor(stack: str, service: str) -> None:
    # Orphans of a killed service keep its port and answer on it, or hold memory for ever.
    end(
        [
            process
            for process in psutil.process_iter()
            if process.pid != os.getpid() and marked(process, stack, service)
        ],
        signal.SIGKILL,
        patience_seconds=5,
    )


def _become(user: str) -> None:
    account = pwd.getpwnam(user)
    os.initgroups(user, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def main(spec_path: str, pids: str) -> None:
    """Replace this process by the service that the spec names; never returns."""
    spec = json.loads(Path(spec_path).read_text())
    environment = spec["environment"]
    _end_predecessor(environment[STACK_VARIABLE], environment[SERVICE_VARIABLE])
    record(Path(pids) / f"{environment[SERVICE_VARIABLE]}.json", os.getpid())
    if spec["user"] is not None:
        _become(spec["user"])
    command = spec["command"]
    os.execve(command[0], command, {**inherited_environment(), **environment})


if __name__ == "__main__":
    main(*sys.argv[1:])

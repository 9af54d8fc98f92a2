"""Passwords and tokens of an installation: generated once, in a file only its owner can read."""

import base64
import fcntl
import json
import os
import secrets as tokens
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ml.domain.errors import InvalidInput


@dataclass(frozen=True)
class Secrets:
    """What the embedded services protect themselves with; never printed, not even by repr.

    `api_key` opens all of the serving API, `reviewer_key` only what cannot show a model's answer.
    MLflow signs its webhook with `mlflow_webhook_secret` and keeps that under `mlflow_webhook_key`.
    """

    api_key: str = field(repr=False)
    reviewer_key: str = field(repr=False)
    airflow_password: str = field(repr=False)
    airflow_jwt_secret: str = field(repr=False)
    airflow_api_secret: str = field(repr=False)
    airflow_fernet_key: str = field(repr=False)
    mlflow_webhook_secret: str = field(repr=False)
    mlflow_webhook_key: str = field(repr=False)


# What installations of before have not: made when it is first missed.
_ADDED = ("mlflow_webhook_secret", "mlflow_webhook_key")


def load_secrets(state: Path) -> Secrets:
    """The installation's secrets from `<state>/secrets.json` (mode 0600), made at first use.

    Two processes that start at once agree: the first file in place wins.
    """
    path = state / "secrets.json"
    if not path.exists():
        _create(path)
    try:
        found = json.loads(path.read_text())
        if found.keys() == {each.name for each in fields(Secrets)} - set(_ADDED):
            found = _completed(path)
        stored = Secrets(**found)
        if not all(isinstance(value, str) and value for value in vars(stored).values()):
            raise ValueError("a secret is empty")
        return stored
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{path} is not a secrets file of this version ({type(error).__name__}); "
            "remove it and new secrets are made at the next `regain up`"
        ) from None


def _made() -> Secrets:
    return Secrets(
        api_key=tokens.token_urlsafe(32),
        reviewer_key=tokens.token_urlsafe(32),
        airflow_password=tokens.token_urlsafe(24),
        airflow_jwt_secret=tokens.token_urlsafe(48),
        airflow_api_secret=tokens.token_urlsafe(48),
        airflow_fernet_key=_fernet_key(),
        mlflow_webhook_secret=tokens.token_urlsafe(32),
        mlflow_webhook_key=_fernet_key(),
    )


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path, asdict(_made()))
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        os.unlink(draft)


def _completed(path: Path) -> dict[str, str]:
    """The stored secrets with those that were added since; one process at a time adds them."""
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        found: dict[str, str] = {**asdict(_made()), **json.loads(path.read_text())}
        os.replace(_draft(path, found), path)
    return found


def _draft(path: Path, values: Mapping[str, str]) -> str:
    """A file beside `path` with these values."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        json.dump(values, file)
    return draft

"""Passwords and tokens of an installation: generated once, in a file only its owner can read."""

import base64
import json
import os
import secrets as tokens
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ml.domain.errors import InvalidInput


@dataclass(frozen=True)
class Secrets:
    """What the embedded services protect themselves with; never printed, not even by repr.

    `api_key` opens all of the serving API, `reviewer_key` only what cannot show a model's answer.
    """

    api_key: str = field(repr=False)
    reviewer_key: str = field(repr=False)
    airflow_password: str = field(repr=False)
    airflow_jwt_secret: str = field(repr=False)
    airflow_api_secret: str = field(repr=False)
    airflow_fernet_key: str = field(repr=False)


def load_secrets(state: Path) -> Secrets:
    """The installation's secrets from `<state>/secrets.json` (mode 0600), made at first use.

    Two processes that start at once agree: the first file in place wins.
    """
    path = state / "secrets.json"
    if not path.exists():
        _create(path)
    try:
        stored = Secrets(**json.loads(path.read_text()))
        if not all(isinstance(value, str) and value for value in vars(stored).values()):
            raise ValueError("a secret is empty")
        return stored
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"{path} is not a secrets file of this version ({type(error).__name__}); "
            "remove it and new secrets are made at the next `regain up`"
        ) from None


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Secrets(
        api_key=tokens.token_urlsafe(32),
        reviewer_key=tokens.token_urlsafe(32),
        airflow_password=tokens.token_urlsafe(24),
        airflow_jwt_secret=tokens.token_urlsafe(48),
        airflow_api_secret=tokens.token_urlsafe(48),
        airflow_fernet_key=base64.urlsafe_b64encode(os.urandom(32)).decode(),
    )
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(made), file)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        os.unlink(temporary)

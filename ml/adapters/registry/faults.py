"""MLflow's errors as regain's."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException

from ml.domain.errors import NotFound, RegainError, ServiceUnavailable


@contextmanager
def reachable(url: str) -> Iterator[None]:
    """Raises NotFound, ServiceUnavailable or RegainError; `url` is the server's as people see."""
    try:
        yield
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFound(f"MLflow has no such model version: {error.message}") from error
        if "API request" in str(error) or "Max retries" in str(error):
            raise ServiceUnavailable(
                f"MLflow at {url} does not answer; see `regain status`"
            ) from error
        raise RegainError(f"MLflow refused: {error.message}") from error

"""Errors a user can act on. Every message names what is wrong and the remedy, in one line."""


class RegainError(Exception):
    """Base of all expected failures; entry points print it as one line and exit non-zero."""


class InvalidInput(RegainError):
    """A row, field or request is not acceptable; the message names it."""


class NotFound(RegainError):
    """Something referred to by id or key does not exist."""


class ServiceUnavailable(RegainError):
    """PostgreSQL, Redis, MLflow, the object store or Airflow could not be reached."""


class Conflict(RegainError):
    """What a decision was based on has changed since; look again and decide anew."""


class DrillFailed(RegainError):
    """A guard let a model pass that is known to be bad, or stopped one that is good."""

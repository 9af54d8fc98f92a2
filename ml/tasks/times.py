"""The time that a run speaks of."""

from datetime import UTC, datetime

from ml.domain.errors import InvalidInput


def time_of(as_of: str) -> datetime:
    """The instant in UTC; raises InvalidInput for anything but ISO 8601 with a zone.

    >>> time_of("2026-01-01T01:00:00+01:00").isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    try:
        time = datetime.fromisoformat(as_of)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InvalidInput(
            f"as_of {as_of[:60]!r} is no time with a zone; write it like 2026-01-01T00:00:00+00:00"
        )
    return time.astimezone(UTC)

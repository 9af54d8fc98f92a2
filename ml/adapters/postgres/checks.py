"""What PostgreSQL can store: checked before a row is sent, so that the message names the field."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ml.domain.errors import InvalidInput


def checked_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row; raises InvalidInput for the first text, time or number that can't be stored."""
    for field, value in row.items():
        _check(field, value)
    return row


def _check(field: str, value: object) -> None:
    if isinstance(value, str):
        checked_text(field, value)
    elif isinstance(value, datetime):
        checked_time(field, value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"{field} is {value}; it must be a finite number")
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(field, item)
    elif isinstance(value, Mapping):
        _check(field, [*value, *value.values()])


def checked_text(field: str, value: str) -> str:
    """The value; raises InvalidInput naming the field."""
    if "\0" in value:
        raise InvalidInput(f"{field} contains a NUL byte; remove it")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput(f"{field} contains a lone surrogate; send valid Unicode") from None
    return value


def checked_time(field: str, value: datetime) -> datetime:
    """The value, which must name an instant; raises InvalidInput naming the field."""
    if value.tzinfo is None:
        raise InvalidInput(f"{field} {value} has no time zone; add one")
    return value


def storable(numbers: Mapping[str, float | str]) -> dict[str, float | str]:
    """JSON has no NaN and no infinity: they are kept as text rather than lose the row."""
    return {
        name: value if isinstance(value, str) or math.isfinite(value) else str(value)
        for name, value in numbers.items()
    }


def numbers_of(stored: Mapping[str, float | str]) -> dict[str, float]:
    """The numbers that `storable` was given."""
    return {name: float(value) for name, value in stored.items()}

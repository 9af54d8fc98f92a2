"""A client of the serving API, for the command line and the demo."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from ml.domain.errors import InvalidInput, NotFound, RegainError, ServiceUnavailable
from ml.wiring.urls import without_password


@dataclass(frozen=True)
class ProductRequest:
    """One product to classify; `request_id` makes a repeated request the same prediction."""

    product_id: str
    title: str = ""
    description: str = ""
    picture: bytes | None = None
    listed_at: datetime | None = None
    at: datetime | None = None
    request_id: str | None = None

    def body(self) -> dict[str, Any]:
        """The request's JSON; what is not known is left out."""
        fields = {
            "product_id": self.product_id,
            "title": self.title or None,
            "description": self.description or None,
            "image": base64.b64encode(self.picture).decode() if self.picture else None,
            "listed_at": self.listed_at.isoformat() if self.listed_at else None,
            "at": self.at.isoformat() if self.at else None,
            "request_id": self.request_id,
        }
        return {name: value for name, value in fields.items() if value is not None}


class ServingClient:
    """Calls the API at `url`; with patience, it rides out services that restart."""

    def __init__(self, url: str, *, api_key: str, patience_seconds: float = 0) -> None:
        self._url = url
        self._patience = patience_seconds
        self._http = httpx.Client(base_url=url, timeout=60, headers={"X-API-Key": api_key})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept for the next call."""
        self._http.close()

    def classify(self, product: ProductRequest) -> dict[str, Any]:
        """The answer for one product, as the API documents it."""
        return self._call("POST", "/v1/classify", json=product.body())

    def next_review(self, reviewer: str) -> dict[str, Any] | None:
        """The next product this reviewer is asked about; None when nothing waits."""
        return self._call("GET", "/v1/review/next", params={"reviewer": reviewer}) or None

    def add_label(
        self,
        prediction_id: str,
        category: str,
        *,
        reviewer: str,
        labelled_at: datetime | None = None,
        new_category: bool = False,
    ) -> dict[str, Any]:
        """Post a reviewer's label."""
        body: dict[str, Any] = {
            "prediction_id": prediction_id,
            "category": category,
            "reviewer": reviewer,
            "new_category": new_category,
        }
        if labelled_at is not None:
            body["labelled_at"] = labelled_at.isoformat()
        return self._call("POST", "/v1/labels", json=body)

    def prediction(self, prediction_id: str) -> dict[str, Any]:
        """The audit view of one prediction; raises NotFound."""
        return self._call("GET", f"/v1/predictions/{prediction_id}")

    def model(self) -> dict[str, Any]:
        """Who serves: the champion, and a challenger on trial."""
        return self._call("GET", "/v1/model")

    def drift_checks(self, limit: int = 20) -> list[dict[str, Any]]:
        """The newest drift checks, newest first."""
        checks: list[dict[str, Any]]
        checks = self._call("GET", "/v1/drift", params={"limit": limit})["checks"]
        return checks

    def decisions(self) -> list[dict[str, Any]]:
        """The rollout ledger, oldest first."""
        entries: list[dict[str, Any]] = self._call("GET", "/v1/rollout")["entries"]
        return entries

    def ready_version(self) -> int | None:
        """The version that answers right now, None while no model or no server does."""
        try:
            return int(self._once("GET", "/v1/model")["model_version"])
        except ServiceUnavailable:
            return None

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        attempt = retry(
            retry=retry_if_exception_type(ServiceUnavailable),
            stop=stop_after_delay(self._patience),
            wait=wait_fixed(0.5),
            reraise=True,
        )(self._once)
        return attempt(method, path, **arguments)

    def _once(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise ServiceUnavailable(
                f"the serving API at {without_password(self._url)} does not answer ({error}); "
                "start it with `regain up`"
            ) from error
        if response.is_error:
            raise _error_of(response)
        return response.json() if response.content else {}


def _error_of(response: httpx.Response) -> RegainError:
    """The API's own reason and remedy as an exception."""
    try:
        error = response.json()["error"]
        message = "; ".join(filter(None, (error["reason"], error.get("remedy"))))
    except (ValueError, KeyError, TypeError):
        message = f"the serving API answered {response.status_code}"
    kinds = {404: NotFound, 503: ServiceUnavailable}
    if response.status_code in kinds:
        return kinds[response.status_code](message)
    return InvalidInput(message) if response.status_code < 500 else RegainError(message)

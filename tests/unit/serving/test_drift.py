"""What auditors see of drift checks and of the ledger."""

from datetime import timedelta

import pytest

from ml.domain.drift import DriftCheck, Finding, Monitor, Window
from tests.fakes.serving import NOW, REVIEWER_KEY, Worker

PAGE = b"<html><script>alert(1)</script></html>"


def record(worker: Worker, number: int = 1, *, drifted: bool = False) -> DriftCheck:
    """A check with its report in the object store."""
    window = Window(NOW - timedelta(days=9), NOW, 2_000)
    check = DriftCheck(
        check_id=f"check-{number}",
        model_version=1,
        as_of=NOW + timedelta(days=number),
        reference=window,
        current=window,
        findings=(
            Finding(Monitor.DATA, drifted, "title_length moved", {"title_length": 0.2}),
            Finding(Monitor.CONFIDENCE, False, "mean confidence 0.86", {"mean": 0.86}),
        ),
        report_uri=worker.services.objects.put(f"drift/{number}.html", PAGE),
    )
    worker.services.drift_log.record(check)
    return check


def test_the_newest_checks_are_told_with_their_findings(worker: Worker) -> None:
    for number in range(1, 4):
        record(worker, number, drifted=number == 3)
    checks = worker.client.get("/v1/drift?limit=2").json()["checks"]
    assert [(each["check_id"], each["drifted"]) for each in checks] == [
        ("check-3", True),
        ("check-2", False),
    ]
    assert checks[0]["reference"]["products"] == 2_000
    assert checks[0]["findings"][0] == {
        "monitor": "data",
        "drifted": True,
        "reason": "title_length moved",
        "numbers": {"title_length": 0.2},
    }
    assert worker.client.get(checks[0]["report_url"]).content == PAGE


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_a_limit_has_bounds(worker: Worker, limit: str) -> None:
    response = worker.client.get(f"/v1/drift?limit={limit}")
    assert response.status_code == 422
    assert response.json()["error"]["field"] == "limit"


def test_a_report_is_open_to_all_and_its_scripts_reach_nothing_of_this_server(
    worker: Worker,
) -> None:
    check = record(worker)
    worker.client.headers.pop("X-API-Key")
    response = worker.client.get(f"/v1/drift/{check.check_id}/report")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"].split()
    assert policy[0] == "sandbox"
    assert "allow-same-origin" not in policy


def test_a_report_that_is_not_there_is_a_404(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert worker.client.get("/v1/drift/nothing/report").status_code == 404
    check = record(worker)
    monkeypatch.setattr(worker.services.objects, "_objects", {})
    response = worker.client.get(f"/v1/drift/{check.check_id}/report")
    assert response.status_code == 404
    assert "/v1/drift" in response.json()["error"]["remedy"]


def test_while_postgresql_is_away_audits_wait(worker: Worker) -> None:
    worker.client.get("/readyz")
    worker.services.database.down = True
    for path in ("/v1/drift", "/v1/drift/x/report", "/v1/rollout"):
        assert worker.client.get(path).status_code == 503, path


def test_the_ledger_is_told_with_reasons_and_numbers(worker: Worker) -> None:
    worker.challenge("d" * 64, version=2, share=0.05)
    worker.roll_back(version=2)
    entries = worker.client.get("/v1/rollout").json()["entries"]
    assert [(each["decision"], each["model_version"], each["share"]) for each in entries] == [
        ("promote", 1, None),
        ("challenge", 2, 0.05),
        ("rollback", 2, None),
    ]
    assert {each["reason"] for each in entries} == {"a test says so"}
    assert all(each["at"] and each["recorded_at"] and each["numbers"] == {} for each in entries)


@pytest.mark.parametrize("path", ["/v1/drift", "/v1/rollout"])
def test_reviewers_see_none_of_it(worker: Worker, path: str) -> None:
    response = worker.client.get(path, headers={"X-API-Key": REVIEWER_KEY})
    assert response.status_code == 403

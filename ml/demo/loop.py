"""The main job: a catalogue is learnt, served, reviewed and learnt again, on embedded services.

Everything happens as it would in production: training by Airflow's scheduler, answers and labels
over HTTP, versions in MLflow. Only time is simulated: each request carries its own.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from ml.demo.airflow import AirflowClient, DagRun
from ml.demo.comparison import compare, picture_digest, qualities_from_metrics
from ml.demo.plan import DemoPlan, Stretch
from ml.demo.report import DemoReport, LabelReport, PredictionReport, VersionReport
from ml.demo.reviews import Reviewed, agreement, review, reviewer_accuracy
from ml.demo.stages import Stage, Stages
from ml.demo.traffic import Answered, lost, send
from ml.domain.decisions import LedgerEntry
from ml.domain.errors import RegainError, ServiceUnavailable
from ml.models.bundle import ModelBundle
from ml.serving.client import ServingClient
from ml.simulation.categories import CONFUSABLE
from ml.simulation.items import SimulatedProduct
from ml.simulation.reviewers import Reviewers
from ml.tasks.import_catalogue import ImportReport, import_catalogue
from ml.training.split import group_keys
from ml.wiring import endpoints
from ml.wiring.build import Services
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets

DAG = "retrain_monthly"
RUN_TIMEOUT_SECONDS = 1_800.0
PATIENCE_SECONDS = 120.0  # how long a client rides out a service that restarts
DRAIN_SECONDS = 60.0


Estimates = tuple[float | None, float | None]  # agreement with reviewers: unweighted, weighted


@dataclass(frozen=True)
class _Training:
    """A finished run: the version it registered and what the ledger says of it."""

    run: DagRun
    as_of: datetime
    entry: LedgerEntry


class Loop:
    """One pass through the loop over a running stack."""

    def __init__(self, settings: Settings, plan: DemoPlan, stages: Stages) -> None:
        secrets = load_secrets(settings.state)
        self._plan = plan
        self._stages = stages
        self._settings = settings
        self._services = Services(settings)
        self._patiently = retry(
            retry=retry_if_exception_type(ServiceUnavailable),
            stop=stop_after_delay(PATIENCE_SECONDS),
            wait=wait_fixed(1),
            reraise=True,
        )
        self._connections = ExitStack()
        self._serving = self._serving_client(secrets.api_key)
        self._review_desk = self._serving_client(secrets.reviewer_key)
        self._airflow = self._connections.enter_context(
            AirflowClient(
                endpoints.airflow_url(settings),
                user=settings.airflow_user,
                password=secrets.airflow_password,
                patience_seconds=PATIENCE_SECONDS,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connections.close()

    def _serving_client(self, key: str) -> ServingClient:
        url = endpoints.serving_url(self._settings)
        client = ServingClient(url, api_key=key, patience_seconds=PATIENCE_SECONDS)
        return self._connections.enter_context(client)

    def play(self, catalogue: Path) -> DemoReport:
        """Play the plan and report on it; raises RegainError where it can't go on."""
        imported = self._import(catalogue)
        trainings = [self._train("first training", self._plan.first.start)]
        first = self._serve("first stretch", self._plan.first)
        reviewed, estimates = self._review(first)
        trainings.append(self._train("retraining", self._plan.first.end))
        later = self._serve("later stretch", self._plan.later)
        with self._stages.stage("comparison", "Compare the versions on the later products"):
            versions = self._versions(trainings)
            predictions = self._account_for([*first, *later], {"first": first, "later": later})
        labels = LabelReport(
            imported=imported.labels_new,
            reviewed=sum(entry.is_answered for entry in reviewed),
            unanswered=sum(not entry.is_answered for entry in reviewed),
            naive_agreement=estimates[0],
            weighted_agreement=estimates[1],
            reviewer_accuracy=reviewer_accuracy(first, reviewed),
            true_accuracy=_accuracy(first),
        )
        faults = self._faults(predictions, trainings)
        return DemoReport(
            worked=not faults,
            faults=faults,
            champion=self._champion(),
            versions=versions,
            predictions=predictions,
            labels=labels,
            seconds=sum(self._stages.seconds.values()),
            stage_seconds=self._stages.seconds,
        )

    def _import(self, catalogue: Path) -> ImportReport:
        before = self._plan.bootstrap_before
        with self._stages.stage("import", f"Import what was listed before {before:%Y-%m-%d}"):
            return import_catalogue(self._services, catalogue, listed_before=before)

    def _train(self, name: str, as_of: datetime) -> _Training:
        """Let Airflow run the DAG with the labels as they were at a time."""
        run_id = f"demo-{name.replace(' ', '-')}"
        with self._stages.stage(name, f"{name.capitalize()} in Airflow ({DAG})") as stage:
            self._airflow.wait_for_dag(DAG)
            self._airflow.trigger(DAG, as_of=as_of, run_id=run_id)
            run = self._airflow.follow(
                DAG,
                run_id,
                timeout_seconds=RUN_TIMEOUT_SECONDS,
                on_change=lambda run: _show_run(stage, run),
            )
            self._wait_until_served()
        entry = self._patiently(self._services.ledger.history)()[-1]
        return _Training(run, as_of, entry)

    def _wait_until_served(self) -> None:
        """Every worker polls the ledger; the champion answers within that interval."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._serving.ready_version() != self._champion():
            if time.monotonic() > deadline:
                raise RegainError(f"version {self._champion()} does not serve; see `regain status`")
            time.sleep(self._settings.refresh_seconds)
        time.sleep(2 * self._settings.refresh_seconds)

    def _serve(self, name: str, stretch: Stretch) -> list[Answered]:
        title = f"{name.capitalize()}: {len(stretch.products)} products over HTTP"
        with self._stages.stage(name, title) as stage:
            stage.expect(len(stretch.products))
            answers = send(stretch.products, self._serving, on_answer=stage.advance)
            self._wait_for_log(len(answers))
        return answers

    def _wait_for_log(self, at_least: int) -> None:
        """Answers are logged right after they are given; wait until the log has them."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._logged() < at_least and time.monotonic() < deadline:
            time.sleep(0.5)

    def _logged(self) -> int:
        return self._patiently(self._services.predictions.count)()

    def _review(self, answers: Sequence[Answered]) -> tuple[list[Reviewed], Estimates]:
        reviewers = Reviewers(
            seed=self._settings.seed,
            categories=self._patiently(self._services.label_spaces.current)().classes,
            confusable=CONFUSABLE,
        )
        with self._stages.stage("review", "People review what was chosen for them") as stage:
            stage.expect(self._patiently(self._services.reviews.waiting)())
            reviewed = review(answers, reviewers, self._review_desk, on_label=stage.advance)
            return reviewed, agreement(answers, reviewed, self._serving)

    def _versions(self, trainings: Sequence[_Training]) -> list[VersionReport]:
        numbers = sorted({training.entry.change.model_version for training in trainings})
        registry = self._services.registry
        later = compare(
            {number: ModelBundle.from_files(registry.files(number)) for number in numbers},
            self._unseen(self._plan.later.products),
            self._plan.later.end,
        )
        reports = []
        for training in trainings:
            change = training.entry.change
            found = registry.get(change.model_version)
            everything, shared = later[change.model_version]
            reports.append(
                VersionReport(
                    version=change.model_version,
                    run_url=training.run.url,
                    model_url=found.url,
                    as_of=training.as_of,
                    snapshot=found.tags["regain.snapshot"],
                    decision=change.action.value,
                    reason=change.reason,
                    test=qualities_from_metrics(found.metrics),
                    later=everything,
                    later_shared=shared,
                )
            )
        return reports

    def _unseen(self, products: Sequence[SimulatedProduct]) -> list[SimulatedProduct]:
        """The products whose title and picture no snapshot had: no version learnt from them."""
        keys = [group_keys(product.title, picture_digest(product)) for product in products]
        known = self._services.splits.parts_of_keys([key for each in keys for key in each])
        return [
            product
            for product, own in zip(products, keys, strict=True)
            if not any(key in known for key in own)
        ]

    def _account_for(
        self, answers: Sequence[Answered], stretches: dict[str, list[Answered]]
    ) -> PredictionReport:
        return PredictionReport(
            answered=len(answers),
            needs_review=sum(answer.needs_review for answer in answers),
            lost=len(lost(answers, self._serving)),
            doubled=max(0, self._logged() - len(answers)),
            served_accuracy={name: _accuracy(served) for name, served in stretches.items()},
        )

    def _faults(
        self, predictions: PredictionReport, trainings: Sequence[_Training]
    ) -> tuple[str, ...]:
        """What must not be; empty when the loop worked."""
        versions = {training.entry.change.model_version for training in trainings}
        checks = {
            f"{predictions.lost} predictions were lost": predictions.lost > 0,
            f"{predictions.doubled} predictions were doubled": predictions.doubled > 0,
            "the retraining registered no version of its own": len(versions) < len(trainings),
            "the first version was not promoted": trainings[0].entry.change.action != "promote",
            "the registry's alias is not the ledger's champion": (
                self._services.registry.aliases().get("champion") != self._champion()
            ),
        }
        return tuple(fault for fault, found in checks.items() if found)

    def _champion(self) -> int:
        champion = self._patiently(self._services.ledger.champion)()
        if champion is None:
            raise RegainError("no version was promoted; the run's log in Airflow says why")
        return champion.model_version


def _show_run(stage: Stage, run: DagRun) -> None:
    running = [task for task, state in run.tasks.items() if state == "running"]
    detail = ", ".join(task.rpartition(".")[2] for task in running) or run.state
    stage.show(run.done, len(run.tasks), detail)


def _accuracy(answers: Sequence[Answered]) -> float:
    return sum(answer.correct for answer in answers) / len(answers)

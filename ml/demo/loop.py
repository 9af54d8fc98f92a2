"""The main job: a marketplace drifts, and the loop brings its accuracy back.

Everything happens as it would in production: checks, retrainings and judgements in Airflow, answers
and labels over HTTP, versions in MLflow, who serves in the ledger. Only time is simulated: each
request carries its own, and the runs that a timetable would start are started with theirs.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ml.demo.accuracy import Stretch, fresh_ids, share_right
from ml.demo.backstage import Backstage
from ml.demo.drift_watch import Check, DriftWatch
from ml.demo.plan import DemoPlan
from ml.demo.reviews import ReviewDesk
from ml.demo.stages import Stage
from ml.demo.story import Progress, check_is_due, is_over, sabotage_is_due
from ml.demo.traffic import Answered, send
from ml.demo.trials import Trials
from ml.domain.decisions import LedgerAction, LedgerEntry
from ml.domain.drift import Action
from ml.domain.errors import RegainError
from ml.domain.rollouts import Challenger
from ml.simulation.categories import CONFUSABLE
from ml.simulation.reviewers import Reviewers
from ml.tasks.import_catalogue import import_catalogue

FIRST_TRAINING = "retrain_monthly"
DRAIN_SECONDS = 60.0
CATCHING_UP = timedelta(days=7)  # of the reviewers, after the last product of all
A_MOMENT = timedelta(microseconds=1)


@dataclass
class Played:
    """What happened so far. `checks` and `promotions` are by the stretch they came after.

    `early` are the answers that a trickle got while a judge decided, until the next stretch takes
    them in; after the last one they stay.
    After the stretch `regained` a version was first promoted that was retrained on the drift: in a
    made marketplace after its change, in a real one by any alert.
    """

    stretches: list[Stretch] = field(default_factory=list)
    early: list[Answered] = field(default_factory=list)
    checks: dict[int, Check] = field(default_factory=dict)
    promotions: dict[int, LedgerEntry] = field(default_factory=dict)
    regained: int | None = None
    sabotage: LedgerEntry | None = None
    rollback: LedgerEntry | None = None
    rolled_back_after: int | None = None
    imported: int = 0

    @property
    def answers(self) -> list[Answered]:
        """Every answer, in order of arrival."""
        return [a for stretch in self.stretches for a in stretch.answers] + self.early

    @property
    def first_alarm(self) -> int | None:
        """The stretch after which an alert first asked for a retraining."""
        return next(
            (
                number
                for number, check in sorted(self.checks.items())
                if any(record.alert.action is Action.RETRAIN for record in check.alerts)
            ),
            None,
        )


class Loop:
    """One pass through a plan over a running stack."""

    def __init__(self, backstage: Backstage, plan: DemoPlan, *, stretch: int) -> None:
        self.desk = ReviewDesk(backstage.review_desk)
        self.watch = DriftWatch(backstage)
        self._trials = Trials(backstage)
        self._backstage = backstage
        self._plan = plan
        self._size = stretch
        self._played = Played()

    def play(self, catalogue: Path) -> Played:
        """Play the plan; raises RegainError where it can't go on."""
        self._import(catalogue)
        self._train_first()
        while not is_over(self._progress()) and self._serve():
            self._decide()
        return self._played

    def _import(self, catalogue: Path) -> None:
        before = self._plan.bootstrap_before
        title = f"Import what was listed before {before:%Y-%m-%d}"
        with self._backstage.stages.stage("import", title) as stage:
            report = import_catalogue(self._backstage.services, catalogue, listed_before=before)
            self._played.imported = report.labels_new
            stage.outcome = f"{report.products} products with their categories"

    def _train_first(self) -> None:
        title = f"First training in Airflow ({FIRST_TRAINING})"
        with self._backstage.stages.stage("first training", title) as stage:
            self._backstage.play(
                FIRST_TRAINING, "demo-first-training", self._plan.bootstrap_before, stage
            )
            champion = self._backstage.rollout().champion
            if champion is None:
                raise RegainError("no version was promoted; the run's log in Airflow says why")
            self._trials.wait_until_served()
            stage.outcome = f"version {champion.model_version} serves"

    def _serve(self) -> bool:
        """The next stretch, answered and reviewed; False when nothing arrives any more."""
        number = len(self._played.stretches) + 1
        early, self._played.early = self._played.early, []
        products = self._plan.arrivals.take(max(0, self._size - len(early)))
        if not products and not early:
            return False
        title = f"Stretch {number}: {len(early) + len(products)} products over HTTP"
        with self._backstage.stages.stage(f"stretch {number}", title) as stage:
            stage.expect(len(products))
            answers = [*early, *send(products, self._backstage.serving, on_answer=stage.advance)]
            stretch = self._stretch(number, answers)
            self._played.stretches.append(stretch)
            labels = self._review(stretch, stage)
            stage.outcome = f"{share_right(answers) or 0:.1%} right, {labels} labelled"
        return True

    def _stretch(self, number: int, answers: list[Answered]) -> Stretch:
        products = [answer.product for answer in answers]
        services = self._backstage.services
        return Stretch(
            number=number,
            start=products[0].listed_at,
            end=self._end_after(products[-1].listed_at),
            answers=answers,
            fresh=self._backstage.patiently(lambda: fresh_ids(products, services.splits)),
        )

    def _end_after(self, last: datetime) -> datetime:
        """The last moment before the next product: what is decided then knows nothing of it."""
        following = self._plan.arrivals.next_at
        return max(last, following - A_MOMENT) if following else last + CATCHING_UP

    def _review(self, stretch: Stretch, stage: Stage) -> int:
        """People label what was chosen for them, once the log has it."""
        deadline = time.monotonic() + DRAIN_SECONDS
        services, answered = self._backstage.services, len(self._played.answers)
        while self._backstage.patiently(services.predictions.count) < answered:
            if time.monotonic() > deadline:
                break  # the report will say that predictions were lost
            time.sleep(0.5)
        self.desk.expect(stretch.answers)
        stage.expect(self._backstage.patiently(services.reviews.waiting))
        known = self._backstage.patiently(services.label_spaces.current).classes
        team = Reviewers(
            seed=self._backstage.settings.seed, categories=known, confusable=CONFUSABLE
        )
        return self.desk.review(team, on_label=stage.advance)

    def _decide(self) -> None:
        """What the timetables would do after a stretch, and the saboteur."""
        stretch = self._played.stretches[-1]
        if self._progress().on_trial:
            self._judge(stretch)
        if check_is_due(self._progress()):
            check = self.watch.check(stretch.number, stretch.end)
            self._played.checks[stretch.number] = check
            self.watch.settle(stretch.number, check.alerts)
            self._trials.wait_until_served()
        if sabotage_is_due(self._progress()):
            self._played.sabotage = self._trials.sabotage(stretch.end)

    def _judge(self, stretch: Stretch) -> None:
        challenger = self._backstage.rollout().challenger
        forced = self._played.sabotage
        if challenger and forced and challenger.model_version == forced.change.model_version:
            entry, self._played.early = self._trials.judge_under_traffic(
                stretch.number, stretch.end, self._plan.arrivals, most=self._size
            )
            if entry and entry.change.action is LedgerAction.ROLLBACK:
                self._played.rollback = entry
                self._played.rolled_back_after = stretch.number
        else:
            entry = self._trials.judge(stretch.number, stretch.end)
            if challenger and entry and entry.change.action is LedgerAction.PROMOTE:
                self._promoted(stretch.number, entry, challenger)
        self._trials.wait_until_served()

    def _promoted(self, number: int, entry: LedgerEntry, challenger: Challenger) -> None:
        self._played.promotions[number] = entry
        quiet = self._plan.changes_after or 0
        changed = quiet < number and challenger.since >= self._played.stretches[quiet].start
        if changed and self._played.regained is None:
            self._played.regained = number

    def _progress(self) -> Progress:
        served, played = len(self._played.stretches), self._played
        ended = played.rolled_back_after
        return Progress(
            served=served,
            last=self._plan.stretches,
            made=self._plan.changes_after is not None,
            on_trial=served > 0 and self._backstage.rollout().challenger is not None,
            reign=served - max(played.promotions, default=0),
            regained=None if played.regained is None else served - played.regained,
            sabotaged=played.sabotage is not None,
            after_sabotage=None if ended is None else served - ended,
        )

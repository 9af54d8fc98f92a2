"""The main job: a marketplace drifts, and the loop brings its accuracy back.

Everything happens as it would in production: checks, retrainings and judgements in Airflow, answers
and labels over HTTP, versions in MLflow, who serves in the ledger. Only time is simulated: each
request carries its own, and the runs that a timetable would start are started with theirs.
"""

from datetime import datetime, timedelta
from pathlib import Path

from ml.demo.accuracy import Stretch, fresh_ids, share_right
from ml.demo.backstage import Backstage
from ml.demo.drift_watch import DriftWatch
from ml.demo.plan import DemoPlan
from ml.demo.played import Played
from ml.demo.reviews import ReviewDesk, team_of
from ml.demo.stages import Stage
from ml.demo.story import Progress, check_is_due, is_over, sabotage_is_due
from ml.demo.traffic import Answered, send
from ml.demo.trials import Trials
from ml.demo.written import wait_until_written
from ml.domain.errors import RegainError
from ml.domain.rollouts import Comparison
from ml.tasks.import_catalogue import import_catalogue

FIRST_TRAINING = "retrain_monthly"
SABOTAGE_LOOKS = 3  # a stretch: the judge looks as soon as labels are in
CATCHING_UP = timedelta(days=7)  # of the reviewers, after the last product of all
A_MOMENT = timedelta(microseconds=1)


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
        products = self._plan.arrivals.take(max(0, self._size_now() - len(early)))
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

    def _size_now(self) -> int:
        return self._size // SABOTAGE_LOOKS if self._is_sabotaged() else self._size

    def _review(self, stretch: Stretch, stage: Stage) -> int:
        """People label what was chosen for them, once the logs have it."""
        services = self._backstage.services
        wait_until_written(self._backstage, answers=len(self._played.answers))
        self.desk.expect(stretch.answers)
        stage.expect(self._backstage.patiently(services.reviews.waiting))
        known = self._backstage.patiently(services.label_spaces.current).classes
        team = team_of(self._backstage.settings.seed, known)
        return self.desk.review(team, on_label=stage.advance)

    def _decide(self) -> None:
        """What the timetables would do after a stretch, and the saboteur."""
        stretch = self._played.stretches[-1]
        comparison = self._backstage.rollout().comparison
        if comparison is not None:
            self._judge(stretch, comparison)
        if check_is_due(self._progress()):
            check = self.watch.check(stretch.number, stretch.end)
            self._played.checks[stretch.number] = check
            self.watch.settle(stretch.number, check.alerts)
            self._trials.wait_until_served()
        if sabotage_is_due(self._progress()):
            self._played.sabotage = self._trials.sabotage(stretch.end)

    def _judge(self, stretch: Stretch, comparison: Comparison) -> None:
        if self._is_sabotaged():
            entry, self._played.early = self._trials.judge_under_traffic(
                stretch.number, stretch.end, self._plan.arrivals, most=self._size
            )
        else:
            entry = self._trials.judge(stretch.number, stretch.end)
        if entry is not None:
            self._played.judged(comparison, entry, changed=self._is_changed(comparison))
        self._trials.wait_until_served()

    def _is_changed(self, comparison: Comparison) -> bool:
        """Whether what is judged was made after the change (in a real catalogue: of any alert)."""
        quiet, stretches = self._plan.changes_after or 0, self._played.stretches
        return quiet < len(stretches) and comparison.since >= stretches[quiet].start

    def _is_sabotaged(self) -> bool:
        """Whether the sabotage is on trial."""
        tried = self._backstage.rollout().challenger
        return tried is not None and tried.model_version == self._played.saboteur

    def _progress(self) -> Progress:
        played, rollout = self._played, self._backstage.rollout()
        served, regained = len(played.stretches), played.regained
        ended = played.rolled_back_after
        products = sum(len(stretch.answers) for stretch in played.stretches)
        return Progress(
            left=self._plan.stretches - products / self._size,
            made=self._plan.changes_after is not None,
            on_trial=rollout.challenger is not None,
            watched=rollout.comparison is not None and rollout.challenger is None,
            reign=served - max(played.promotions, default=0),
            regained=None if regained is None else served - regained,
            checked=regained is not None and any(number > regained for number in played.checks),
            sabotaged=played.sabotage is not None,
            after_sabotage=None if ended is None else served - ended,
        )

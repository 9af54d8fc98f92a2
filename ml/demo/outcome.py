"""From what happened to what is reported: figures, accounts, and what must not be."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from ml.demo.accounts import FAR_FUTURE, accounts, alias_faults, shadow_work
from ml.demo.accuracy import Accuracy, Stretch, accuracy, right_answers, share_right
from ml.demo.backstage import Backstage
from ml.demo.comparisons import comparison_reports
from ml.demo.curve import CurvePoint
from ml.demo.drift_watch import DriftWatch
from ml.demo.label_truth import LabelsReport, label_truth
from ml.demo.needed import needed_reports
from ml.demo.options import shown_settings
from ml.demo.played import Played
from ml.demo.report import (
    AlertReport,
    ArmReport,
    Counts,
    DecisionReport,
    DemoReport,
    SabotageReport,
    StretchReport,
    VersionReport,
)
from ml.demo.reviews import ReviewDesk, team_of
from ml.demo.sabotage import TAG
from ml.demo.trials import unserved
from ml.demo.verdict import faults, losses
from ml.domain.decisions import LedgerEntry
from ml.domain.predictions import Arm
from ml.domain.rollouts import Rollout, rollout_of
from ml.models.bundle import ModelBundle
from ml.tasks.policies import trial_policy
from ml.training.snapshot import read_snapshot

TEST_FIGURES = ("fused_rows", "fused_accuracy", "fused_weighted_f1", "fused_macro_f1")


class Reckoning:
    """Asks the services what became of everything, once the loop has been played."""

    def __init__(
        self, backstage: Backstage, played: Played, desk: ReviewDesk, watch: DriftWatch
    ) -> None:
        self._backstage = backstage
        self._services = backstage.services
        self._played = played
        self._desk = desk
        self._watch = watch
        self._history: list[LedgerEntry] = backstage.patiently(self._services.ledger.history)
        self._first_right: set[str] = set()

    def report(self, *, changes_after: int | None) -> DemoReport:
        """Everything but the time and the memory it took."""
        settings, figures = self._backstage.settings, self._accuracy(changes_after)
        lost_ones, doubled_ones = accounts(self._backstage, self._played.answers, self._desk)
        comparisons = list(comparison_reports(self._backstage, self._history))
        alerts, sabotage = self._alerts(), self._sabotage()
        found = (
            *faults(
                alerts,
                sabotage,
                comparisons,
                figures,
                regained=self._played.regained is not None,
                made=changes_after is not None,
            ),
            *losses(lost_ones, doubled_ones),
            *alias_faults(self._backstage, self._rollout),
        )
        return DemoReport(
            closed=not found,
            faults=found,
            alerts=alerts,
            decisions=[_decision(entry) for entry in self._history],
            accuracy=figures,
            labels_say=self._labels_say(changes_after),
            comparisons=comparisons,
            needed=list(
                needed_reports(
                    comparisons, self._accuracies(), trial_policy(settings), seed=settings.seed
                )
            ),
            shadow=shadow_work(self._backstage, comparisons),
            changed_at=self._changed_at(changes_after),
            lost=lost_ones,
            doubled=doubled_ones,
            sabotage=sabotage,
            stretches=[self._stretch(each) for each in self._played.stretches],
            versions=self._versions(),
            counts=self._counts(),
            settings=shown_settings(settings),
            seconds=0.0,
            peak_rss_mb=0.0,
            stage_seconds={},
        )

    def curve(self) -> list[CurvePoint]:
        """Every answer in order, with version 1's beside it after the promotion."""
        promoted = self._played.regained
        return [
            CurvePoint(
                at=answer.product.listed_at,
                stretch=stretch.number,
                version=answer.model_version,
                arm=answer.arm,
                right=answer.correct,
                first_right=answer.product.product_id in self._first_right
                if promoted is not None and stretch.number > promoted
                else None,
            )
            for stretch in self._played.stretches
            for answer in stretch.answers
        ]

    def _alerts(self) -> list[AlertReport]:
        return [
            AlertReport(
                at=record.alert.at,
                action=record.alert.action.value,
                version=record.alert.model_version,
                reason=record.alert.reason,
                attempts=len(record.attempts),
                settled=record.settled,
            )
            for record in self._backstage.patiently(self._services.alerts.history)
        ]

    def _accuracy(self, changes_after: int | None) -> Accuracy:
        """Version 1 answers what came after the promotion once more, here."""
        stretches, forced = self._played.stretches, self._played.sabotage
        promoted = self._played.regained
        alarm = self._played.first_alarm or len(stretches) + 1
        files = self._backstage.patiently(
            lambda: self._services.registry.files(self._first_version)
        )
        first = ModelBundle.from_files(files)
        later = [
            answer.product
            for stretch in stretches
            if promoted is not None and stretch.number > promoted
            for answer in stretch.answers
        ]
        self._first_right = right_answers(first, later)
        return accuracy(
            stretches,
            changed=alarm if changes_after is None else changes_after + 1,
            promoted=promoted,
            saboteur=forced.change.model_version if forced else None,
            first_right=self._first_right,
            known=self._learnt_at_first(),
        )

    def _learnt_at_first(self) -> frozenset[str]:
        """The categories that version 1 had labels enough of to learn them."""
        found = self._backstage.patiently(lambda: self._services.registry.get(self._first_version))
        snapshot = self._backstage.patiently(
            lambda: self._services.snapshots.get(found.tags["regain.snapshot"])
        )
        rows = Counter(read_snapshot(snapshot, self._services.objects)["category"].to_pylist())
        fewest = self._backstage.settings.min_class_rows
        return frozenset(category for category, count in rows.items() if count >= fewest)

    def _changed_at(self, changes_after: int | None) -> datetime | None:
        return next(
            (each.start for each in self._played.stretches if each.number - 1 == changes_after),
            None,
        )

    @property
    def _first_version(self) -> int:
        return self._history[0].change.model_version

    def _labels_say(self, changes_after: int | None) -> LabelsReport | None:
        """Of version 1, before the marketplace changed; in a real catalogue, before an alarm."""
        alarm = self._played.first_alarm or len(self._played.stretches) + 1
        quiet = changes_after or max(1, alarm - 1)
        classes = self._backstage.patiently(self._services.label_spaces.current).classes
        return label_truth(
            self._backstage,
            self._played.stretches[:quiet],
            team_of(self._backstage.settings.seed, classes),
            version=self._first_version,
            as_of=FAR_FUTURE,
        )

    def _accuracies(self) -> dict[int, float]:
        """Each version's share of right answers, by the truth."""
        answered: dict[int, list[bool]] = {}
        for answer in self._played.answers:
            answered.setdefault(answer.model_version, []).append(answer.correct)
        return {version: sum(right) / len(right) for version, right in answered.items()}

    def _sabotage(self) -> SabotageReport | None:
        forced, rollback = self._played.sabotage, self._played.rollback
        if forced is None:
            return None
        trial = rollout_of(self._history_until(forced)).challenger
        gone = unserved(trial, rollback, self._played.answers) if rollback and trial else None
        version, seen = forced.change.model_version, rollback.change.evidence if rollback else {}
        return SabotageReport(
            version=version,
            share=forced.change.share or 0.0,
            rolled_back=gone is not None,
            answers=sum(each.model_version == version for each in self._played.answers),
            verdict=str(seen["verdict"]) if seen else None,
            labels=int(seen["labels"]) if seen else None,
            wins=int(seen["wins"]) if seen else None,
            losses=int(seen["losses"]) if seen else None,
            seconds_until_unserved=gone.seconds if gone else None,
            answers_after_rollback=gone.answers if gone else None,
        )

    def _history_until(self, last: LedgerEntry) -> list[LedgerEntry]:
        return [entry for entry in self._history if entry.entry_id <= last.entry_id]

    def _stretch(self, stretch: Stretch) -> StretchReport:
        check = self._played.checks.get(stretch.number)
        return StretchReport(
            number=stretch.number,
            start=stretch.start,
            end=stretch.end,
            products=len(stretch.answers),
            accuracy=share_right(stretch.answers) or 0.0,
            arms=_arms(stretch),
            check=check.summary if check else None,
            drift_report=check.report_uri if check else None,
        )

    def _versions(self) -> list[VersionReport]:
        rollout = self._rollout
        numbers = dict.fromkeys(entry.change.model_version for entry in self._history)
        return [self._version(number, rollout) for number in sorted(numbers)]

    def _version(self, number: int, rollout: Rollout) -> VersionReport:
        found = self._backstage.patiently(lambda: self._services.registry.get(number))
        retrained = "first training" if number == self._first_version else "drift alert"
        return VersionReport(
            version=number,
            origin="sabotage" if TAG in found.tags else retrained,
            serves=rollout.champion is not None and rollout.champion.model_version == number,
            as_of=found.tags["regain.as_of"],
            snapshot=found.tags["regain.snapshot"],
            test={name: found.metrics[name] for name in TEST_FIGURES if name in found.metrics},
            model_url=found.url,
        )

    def _counts(self) -> Counts:
        labels = self._desk.labels
        return Counts(
            predictions=len(self._played.answers),
            imported_labels=self._played.imported,
            review_labels=len(labels),
            unanswered_reviews=self._desk.unanswered,
            reviewers_right=sum(labels.values()) / len(labels) if labels else None,
            sweeps=self._watch.nudges,
        )

    @property
    def _rollout(self) -> Rollout:
        return rollout_of(self._history)


def _decision(entry: LedgerEntry) -> DecisionReport:
    change = entry.change
    return DecisionReport(
        decision=change.action.value,
        reason=change.reason,
        numbers=change.evidence,
        at=change.at,
        version=change.model_version,
        actor=change.actor,
        recorded_at=entry.recorded_at,
    )


def _arms(stretch: Stretch) -> Mapping[str, ArmReport]:
    """The arms' shares of a stretch; that of a stretch with two champions names the last."""
    arms = {}
    for arm in Arm:
        theirs = [answer for answer in stretch.answers if answer.arm is arm]
        if theirs:
            version = theirs[-1].model_version
            arms[arm.value] = ArmReport(version, len(theirs), share_right(theirs) or 0.0)
    return arms

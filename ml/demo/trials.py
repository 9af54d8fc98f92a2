"""Trials and watches: judged after each stretch, and the trial that must not be won."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.markup import escape

from ml.demo.backstage import PATIENCE_SECONDS, Backstage
from ml.demo.plan import Arrivals
from ml.demo.sabotage import sabotage
from ml.demo.traffic import Answered, Trickle
from ml.domain.decisions import LedgerAction, LedgerEntry
from ml.domain.errors import RegainError
from ml.domain.predictions import Arm
from ml.domain.rollouts import Challenger, Champion
from ml.rollout.traffic import choose_arm

JUDGE = "judge_rollout"
AFTERMATH_SECONDS = 3.0  # products go on arriving after a decision, to see who answers them

_WORDS = {
    LedgerAction.PROMOTE: "[bold green]promoted[/]: ",
    LedgerAction.CONFIRM: "[bold green]confirmed[/]: ",
    LedgerAction.ROLLBACK: "[bold red]stopped[/]: ",
    LedgerAction.CONTINUE: "",
}


@dataclass(frozen=True)
class Unserved:
    """How fast a rolled back version left.

    `seconds` lie between the ledger entry and the first answer by another version to a product of
    its slice, after which it gave none any more; by the wall clock, None when no such product came.
    `answers` are those to products of its slice that came in after the entry and until then.
    """

    seconds: float | None
    answers: int


class Trials:
    """Drives `judge_rollout`, and forces the sabotage on the marketplace."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage

    def judge(self, number: int, as_of: datetime) -> LedgerEntry | None:
        """Judge what is compared by the labels up to a time; the entry the judge wrote.

        None when it had written the same before.
        """
        comparison = self._backstage.rollout().comparison
        assert comparison is not None, "asked for while two versions are compared"
        before = len(self._history())
        version = comparison.candidate.model_version
        title = f"  {JUDGE}: {comparison.kind} of version {version}"
        with self._backstage.stages.stage(f"judge {number}", title) as stage:
            self._backstage.play(JUDGE, f"demo-judge-{number}", as_of, stage)
            entries = self._history()[before:]
            entry = entries[-1] if entries else None
            stage.outcome = _told(entry)
        return entry

    def judge_under_traffic(
        self, number: int, as_of: datetime, arrivals: Arrivals, *, most: int
    ) -> tuple[LedgerEntry | None, list[Answered]]:
        """The same while products go on arriving, at most so many; with their answers."""
        with Trickle(arrivals, self._backstage.connect, most=most) as trickle:
            entry = self.judge(number, as_of)
            time.sleep(AFTERMATH_SECONDS)
        return entry, trickle.answers

    def sabotage(self, at: datetime) -> LedgerEntry:
        """Force a model that learnt nothing past the gate."""
        title = "Sabotage: a model trained on shuffled labels is forced past the gate"
        with self._backstage.stages.stage("sabotage", title) as stage:
            entry = self._backstage.patiently(lambda: sabotage(self._backstage.services, at=at))
            share = entry.change.share or 0.0
            stage.outcome = f"version {entry.change.model_version} answers {share:.0%}"
            self.wait_until_served()
        return entry

    def wait_until_served(self) -> None:
        """Wait until every worker answers with the ledger's champion and challenger."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            rollout = self._backstage.rollout()
            served = self._backstage.patiently(self._backstage.served_versions)
            wanted = (_version(rollout.champion), _version(rollout.challenger))
            workers = self._backstage.settings.serving_workers
            if len(served) >= workers and set(served) == {wanted}:
                return
            if time.monotonic() > deadline:
                raise RegainError(f"serving answers with {served}, not {wanted}; see regain status")
            time.sleep(0.5)

    def _history(self) -> list[LedgerEntry]:
        return self._backstage.patiently(self._backstage.services.ledger.history)


def _version(served: Champion | Challenger | None) -> int:
    return served.model_version if served else 0


def unserved(trial: Challenger, rollback: LedgerEntry, answers: Sequence[Answered]) -> Unserved:
    """How fast a version was gone after its rollback, by all answers that were heard."""
    decided = rollback.recorded_at
    slice_after = sorted(
        (
            answer
            for answer in answers
            if answer.heard_at > decided
            and choose_arm(answer.product.product_id, trial) is Arm.CHALLENGER
        ),
        key=lambda answer: answer.heard_at,
    )
    late = [i for i, each in enumerate(slice_after) if each.model_version == trial.model_version]
    others = slice_after[late[-1] + 1 :] if late else slice_after
    return Unserved(
        seconds=(others[0].heard_at - decided).total_seconds() if others else None,
        answers=len(late),
    )


def _told(entry: LedgerEntry | None) -> str:
    if entry is None:
        return "no new labels to judge by"
    return f"{_WORDS[entry.change.action]}{escape(entry.change.reason)}"

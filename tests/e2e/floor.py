"""A shop floor on the text stack: a model that learnt nothing serves, and version 1 is better."""

from dataclasses import dataclass
from datetime import UTC, datetime

from typer.testing import CliRunner

from ml.cli.main import build
from ml.demo.airflow import FINISHED
from ml.demo.traffic import Answered, send
from ml.domain.decisions import LedgerAction, LedgerChange, LedgerEntry
from ml.domain.rollouts import Comparison, Rollout
from ml.serving.client import ServingClient
from ml.tasks import rollout as changes
from ml.wiring import endpoints
from ml.wiring.config import environment_of
from ml.wiring.secrets import load_secrets
from tests.e2e.airflow_rest import Question
from tests.e2e.installation import wait_until
from tests.e2e.text_stack import MARKET, TextStack

GOOD = 1
ARRIVING = 400  # the first product that nobody knows of
TRIED = 60  # products that a trial gets
JUDGE, APPROVAL, FOLLOW = "judge_rollout", "approve_promotion", "follow_registry"
FAR_FUTURE = datetime(2200, 1, 1, tzinfo=UTC)
EVERYTHING = 2**62


@dataclass
class Floor:
    """The stack, its version `bad`, and how many products have come so far."""

    stack: TextStack
    bad: int
    arrived: int = ARRIVING

    @property
    def rollout(self) -> Rollout:
        return self.stack.services.ledger.rollout()

    @property
    def last(self) -> LedgerEntry:
        return self.stack.services.ledger.history()[-1]

    def client(self, key: str) -> ServingClient:
        url = endpoints.serving_url(self.stack.settings)
        return ServingClient(url, api_key=key, patience_seconds=60)

    def serve(self, products: int) -> list[Answered]:
        """The next products, over HTTP."""
        arriving = MARKET.products(products, start=self.arrived)
        self.arrived += products
        with self.client(load_secrets(self.stack.settings.state).api_key) as client:
            return send(list(arriving), client)

    def wait_until_served(self) -> None:
        """Until the API answers as the ledger says."""
        champion, challenger = self.rollout.champion, self.rollout.challenger
        wanted = [each.model_version if each else None for each in (champion, challenger)]

        def is_served() -> bool:
            with self.client(load_secrets(self.stack.settings.state).api_key) as client:
                model = client.model()
            tried = model["challenger"]
            return [model["model_version"], tried and tried["model_version"]] == wanted

        wait_until(f"versions {wanted}", is_served, seconds=60)

    def try_out(self, version: int) -> Comparison:
        """Put a version on trial on half of the products."""
        entry = changes.challenge(
            self.stack.services,
            version,
            share=0.5,
            reason="a test",
            actor="test",
            at=MARKET.listed_at(self.arrived),
            key=f"test-{self.arrived}-{version}",
            seen=self.rollout.entry_id,
        )
        assert entry.change.label_probability == 1.0
        self.wait_until_served()
        comparison = self.rollout.comparison
        assert comparison is not None
        return comparison

    def wait_until_scored(self, experiment: str, products: int) -> None:
        """Until both models of a comparison have scored so many products."""
        shadows = self.stack.services.shadows
        wait_until(
            f"{products} scores",
            lambda: shadows.counts(experiment, after=0, until=EVERYTHING)[0] == products,
        )

    def wait_for_entry(self, after: LedgerEntry) -> LedgerChange:
        """The ledger's last change, once there is another one."""
        wait_until("a ledger entry", lambda: self.last.entry_id > after.entry_id)
        return self.last.change

    def label(self, experiment: str, answers: list[Answered]) -> None:
        """Tell the truth of every product on which the models differ."""
        truth = {each.prediction_id: each.product.category for each in answers}
        drawn = self.stack.services.shadows.drawn(experiment, after=0, as_of=FAR_FUTURE)
        with self.client(load_secrets(self.stack.settings.state).reviewer_key) as client:
            for name in drawn["prediction_id"].to_pylist():
                client.add_label(name, truth[name], reviewer="anna")

    def judge(self, name: str) -> LedgerChange:
        """One look at all labels; what it wrote."""
        at = MARKET.listed_at(self.arrived)
        self.stack.airflow.trigger(JUDGE, as_of=at, run_id=name)
        assert self.stack.run_state(JUDGE, name) == "success"
        written = [entry.change for entry in self.stack.services.ledger.history()]
        return next(change for change in reversed(written) if change.actor == JUDGE)

    def promising_trial(self, name: str) -> Comparison:
        """A trial of the good version that the judge would end with its promotion."""
        comparison = self.try_out(GOOD)
        answers = self.serve(TRIED)
        self.wait_until_scored(comparison.experiment, TRIED)
        self.label(comparison.experiment, answers)
        found = self.judge(name)
        assert found.action is LedgerAction.CONTINUE
        assert found.evidence["experiment"] == comparison.experiment
        assert found.evidence["verdict"] == "promotable"
        return comparison

    def open_questions(self) -> list[Question]:
        """What Airflow asks the engineers now."""
        return [each for each in self.stack.rest.questions(APPROVAL) if not each.answered]

    def open_question(self) -> Question:
        """The one that it asks."""
        (question,) = wait_until("a question", self.open_questions)
        return question

    def approve(self, question: Question) -> str:
        """Approve, and wait for the end of the run: its state.

        Airflow asks again what is answered before its scheduler knows that the task waits.
        """

        def ended() -> str | None:
            if question in self.open_questions():
                self.stack.rest.answer(question, "Approve")
            state = self.stack.airflow.runs(APPROVAL)[question.run_id]
            return state if state in FINISHED else None

        return wait_until("the answer's effect", ended) or ""

    def regain(self, *command: str) -> str:
        """Run a command of the program; what it said."""
        environment = environment_of(self.stack.settings)
        result = CliRunner().invoke(build(), list(command), env=environment)
        assert result.exit_code == 0, result.output
        return result.output

"""A model that must not serve: it learnt nothing, says so, and is on trial past the gate."""

from datetime import timedelta
from pathlib import Path

import pytest

from ml.demo.accuracy import right_answers
from ml.demo.sabotage import ACTOR, TAG, sabotage
from ml.domain.decisions import LedgerAction
from ml.domain.errors import RegainError
from ml.models.bundle import ModelBundle
from ml.models.files import bundle_prefix, load_files
from ml.simulation.items import SimulatedProduct
from ml.wiring.config import Settings
from tests.fakes import FakeServices
from tests.unit.tasks.installation import START, WORDS, import_titles, retrain, title

AT = START + timedelta(days=301)
CATEGORIES = tuple(WORDS)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> FakeServices:
    state: Path = tmp_path_factory.mktemp("state")
    installed = FakeServices(Settings(state=state, challenger_share=0.3))
    import_titles(installed, range(400), categories=CATEGORIES)
    retrain(installed)
    sabotage(installed, at=AT)
    return installed


def test_it_is_on_trial_and_the_ledger_says_that_it_was_forced(services: FakeServices) -> None:
    change = services.ledger.history()[-1].change
    assert (change.action, change.model_version) == (LedgerAction.CHALLENGE, 2)
    assert (change.actor, change.share, change.at) == (ACTOR, 0.3, AT)
    assert change.reason.startswith("forced past the gate")
    assert services.registry.aliases() == {"champion": 1, "challenger": 2}
    assert "shuffled" in services.registry.get(2).tags[TAG]


def test_it_answers_like_a_model_and_knows_nothing(services: FakeServices) -> None:
    products = [
        SimulatedProduct(
            f"n{i}", title(CATEGORIES[i % 3], 5_000 + i), "", None, CATEGORIES[i % 3], AT
        )
        for i in range(300)
    ]
    champion, saboteur = (
        ModelBundle.from_files(
            load_files(
                services.objects, bundle_prefix(services.registry.get(version).bundle_digest)
            )
        )
        for version in (1, 2)
    )
    assert len(right_answers(champion, products)) > 280
    assert len(right_answers(saboteur, products)) < 200


def test_without_a_champion_there_is_nothing_to_sabotage(tmp_path: Path) -> None:
    with pytest.raises(RegainError, match="no champion"):
        sabotage(FakeServices(Settings(state=tmp_path)), at=AT)

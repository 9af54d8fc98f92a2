"""The contract of ShadowLog, where judges add it up and close cohorts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.domain.comparisons import Cohort, ScoredAnswer, Stratum
from ml.domain.errors import Conflict
from tests.examples import a_prediction, a_shadow_score, day
from tests.fakes import FakeServices

COHORT = Cohort("trial-2", 1, 20, day(9), 10, 3, (Stratum(2, 1, 0, 1), Stratum(1, 0, 0, 0)), ("a",))


def test_cohorts_are_closed_one_after_another(stores):
    log = stores.shadows
    second = replace(COHORT, number=2, last_position=2**40, strata=(), label_ids=())
    other = replace(COHORT, experiment="watch-3")
    with pytest.raises(Conflict, match="trial-2"):
        log.close(second)
    assert log.close(COHORT)
    assert not log.close(replace(COHORT, products=99))
    assert log.close(second)
    assert not log.close(COHORT)
    assert log.close(other)
    with pytest.raises(Conflict, match="watch-3"):
        log.close(replace(other, number=3))
    assert log.cohorts("trial-2") == [COHORT, second]
    assert log.cohorts("watch-3") == [other]


def test_of_two_judges_one_closes_a_cohort(stores):
    def close(judge):
        cohorts = (replace(COHORT, number=number, products=judge) for number in range(1, 6))
        return [stores.shadows.close(cohort) for cohort in cohorts]

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(close, range(6)))
    assert [sum(wins) for wins in zip(*won, strict=True)] == [1] * 5
    kept = stores.shadows.cohorts("trial-2")
    assert [cohort.number for cohort in kept] == [1, 2, 3, 4, 5]
    assert all(won[cohort.products][cohort.number - 1] for cohort in kept)


@pytest.mark.integration
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_fake_and_real_log_agree(real_stores, data):
    """Whatever is written, in experiments of its own."""
    fake = FakeServices()
    experiment = f"trial-{uuid4()}"
    answers = st.builds(
        ScoredAnswer,
        st.sampled_from([None, "books", "games"]),
        st.sampled_from([0.0, 0.79, 0.8, 1.0]),
        st.sampled_from([None, 10.0, 1_000.0, 1_001.0]),
    )
    pairs = data.draw(st.lists(st.tuples(answers, answers, st.integers(-48, 480)), max_size=12))
    scores = [
        a_shadow_score(
            number, experiment=experiment, candidate=one, baseline=two, scored_at=day(hour / 24)
        )
        for number, (one, two, hour) in enumerate(pairs)
    ]
    for stores in (fake, real_stores):
        stores.predictions.append([a_prediction(number) for number in range(12)])
        assert stores.shadows.append(scores) == len(scores)
    as_of = day(data.draw(st.integers(-1, 30)))
    limits = {"confidence_threshold": 0.8, "slow_ms": 1_000, "as_of": as_of}
    expected = fake.shadows.tally(experiment, **limits)
    assert real_stores.shadows.tally(experiment, **limits) == expected
    assert _stretches(fake, experiment) == _stretches(real_stores, experiment)


def _stretches(stores, experiment):
    after, found = 0, []
    while (until := stores.shadows.reach(experiment, after=after, hours=24)) is not None:
        opened = stores.shadows.opened(experiment, after=after)
        found.append((opened, stores.shadows.counts(experiment, after=after, until=until)))
        after = until
    return found

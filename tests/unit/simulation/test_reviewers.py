from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.simulation.categories import CONFUSABLE
from ml.simulation.reviewers import Answer, Reviewers

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEAM = Reviewers(seed=42, categories=tuple(CONFUSABLE), confusable=CONFUSABLE)
MIDDLE = TEAM.names[2]  # errs as often as the team does on average


def answers(team: Reviewers, truth: str = "10", count: int = 4_000) -> list[Answer]:
    names = team.names
    given = (team.answer(f"p{i}", truth, NOW, reviewer=names[i % len(names)]) for i in range(count))
    return [answer for answer in given if answer is not None]


def test_they_answer_partly_late_and_sometimes_wrongly() -> None:
    said = answers(TEAM)
    assert len(said) / 4_000 == pytest.approx(0.8, abs=0.03)
    delays = [(answer.labelled_at - NOW) / timedelta(days=1) for answer in said]
    assert min(delays) > 0
    assert median(delays) == pytest.approx(1.5, rel=0.15)
    assert max(delays) > 7
    assert mean(answer.category != "10" for answer in said) == pytest.approx(0.12, abs=0.02)


def test_mistakes_favour_the_categories_that_are_confused() -> None:
    wrong = Counter(answer.category for answer in answers(replace(TEAM, error_share=0.6)))
    del wrong["10"]
    first, second = CONFUSABLE["10"]
    assert (wrong[first] + wrong[second]) / wrong.total() == pytest.approx(0.75, abs=0.05)
    assert (
        wrong[first]
        > wrong[second]
        > max(count for category, count in wrong.items() if category not in (first, second))
    )


def test_without_known_confusions_any_other_category_is_a_mistake() -> None:
    team = Reviewers(seed=1, categories=("a", "b", "c", "d"), error_share=0.6, people=1)
    wrong = Counter(answer.category for answer in answers(team, "a"))
    assert set(wrong) == {"a", "b", "c", "d"}
    assert wrong["b"] / wrong["c"] == pytest.approx(1, abs=0.25)


def test_people_differ_in_care_around_the_mean() -> None:
    by_person: dict[str, list[bool]] = {}
    for answer in answers(TEAM, count=10_000):
        by_person.setdefault(answer.reviewer, []).append(answer.category != "10")
    shares = [mean(by_person[f"reviewer-{n:02d}"]) for n in range(1, 6)]
    assert shares[0] == pytest.approx(0.06, abs=0.02)
    assert shares[-1] == pytest.approx(0.18, abs=0.03)


@given(st.text(), st.sampled_from(sorted(CONFUSABLE)), st.integers())
def test_the_same_question_is_answered_alike(key: str, truth: str, seed: int) -> None:
    team = replace(TEAM, seed=seed)
    one, other = (team.answer(key, truth, NOW, reviewer=MIDDLE) for _ in range(2))
    assert one == other


def test_when_it_is_asked_moves_the_answer_in_time_only() -> None:
    later = NOW + timedelta(days=30)
    for i in range(50):
        one, other = (TEAM.answer(f"p{i}", "10", at, reviewer=MIDDLE) for at in (NOW, later))
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert replace(one, labelled_at=one.labelled_at + timedelta(days=30)) == other


def test_the_only_category_can_not_be_mistaken() -> None:
    team = Reviewers(seed=1, categories=("a",), error_share=0.6)
    assert {answer.category for answer in answers(team, "a", 100)} == {"a"}


def test_a_second_person_answers_independently() -> None:
    team = replace(TEAM, response_share=1.0, error_share=0.5)
    first, second = (
        [team.answer(f"p{i}", "10", NOW, reviewer=MIDDLE, turn=turn) for i in range(4_000)]
        for turn in (0, 1)
    )
    right = [
        (one.category == "10", other.category == "10")
        for one, other in zip(first, second, strict=True)
        if one and other
    ]
    both, alone = mean(a and b for a, b in right), mean(a for a, _ in right)
    assert both == pytest.approx(alone**2, abs=0.03)


def test_who_answers_signs_with_a_name_of_the_team() -> None:
    answer = replace(TEAM, response_share=1.0).answer("p1", "10", NOW, reviewer="reviewer-04")
    assert answer is not None
    assert answer.reviewer == "reviewer-04"
    assert len(set(TEAM.names)) == TEAM.people

"""The curve of served accuracy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.demo.curve import (
    MOST_POINTS,
    first_version_line,
    reign_line,
    reigns,
    served_line,
    smoothed,
)
from ml.domain.predictions import Arm
from tests.fakes.demo import PRODUCTS, PROMOTED_AFTER, made_points


@given(values=st.lists(st.booleans(), min_size=1, max_size=60), window=st.integers(1, 30))
def test_smoothing_means_over_the_neighbours(values: list[bool], window: int) -> None:
    half = window // 2
    for i, mean in enumerate(smoothed(values, window)):
        near = values[max(0, i - half) : i + half + 1]
        assert mean == pytest.approx(sum(near) / len(near))


def test_a_line_spans_all_products_in_few_points() -> None:
    points = made_points()
    line = served_line(points)
    assert (line.places[0], line.places[-1]) == (0, len(points) - 1)
    assert len(line.places) <= 2 * MOST_POINTS
    assert all(0 <= value <= 1 for value in line.values)


def test_version_1_is_drawn_from_the_promotion_on() -> None:
    line = first_version_line(made_points())
    assert line.places[0] == PROMOTED_AFTER * PRODUCTS
    assert first_version_line(made_points()[:100]).places == []


def test_who_answered_is_told_by_arm() -> None:
    points = made_points()
    found = {(reign.arm, reign.version): reign for reign in reigns(points)}
    assert set(found) == {
        (Arm.CHAMPION, 1),
        (Arm.CHAMPION, 2),
        (Arm.CHALLENGER, 2),
        (Arm.CHALLENGER, 3),
    }
    sabotage = found[Arm.CHALLENGER, 3]
    stretches = {points[place].stretch for place in (sabotage.first, sabotage.last)}
    assert stretches == {7}
    assert max(reign_line(points, sabotage).values) < 0.2


def test_a_version_that_serves_again_reigns_twice() -> None:
    points = made_points()
    again = [*points[-10:], *points[:10], *points[-10:]]
    champions = [each.version for each in reigns(again) if each.arm is Arm.CHAMPION]
    assert champions == [2, 1, 2]

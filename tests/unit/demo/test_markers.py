"""What is marked along the curve."""

from hypothesis import given
from hypothesis import strategies as st

from ml.demo.markers import BADGE_WIDTH, CHARACTER_WIDTH, Marker, PlacedMarker, markers, placed
from tests.fakes.demo import PRODUCTS, made_points, made_report

RIGHT = 1_160.0


def test_alerts_and_decisions_stand_where_they_were_made() -> None:
    found = markers(made_report(), [point.at for point in made_points()])
    told = [(marker.kind, marker.place // PRODUCTS) for marker in found]
    assert told == [
        ("promote", 0),
        ("change", 3),
        ("alert", 4),
        ("challenge", 4),
        ("promote", 5),
        ("sabotage", 6),
        ("rollback", 7),
    ]


def test_no_line_goes_through_a_label_that_could_be_higher() -> None:
    found = [Marker(0, "alert", "alert: retrain"), Marker(0, "promote", "version 2 promoted")]
    first, second = placed(found, xs=[100.0, 180.0], right=RIGHT)
    assert (first.row, second.row) == (0, 1)  # beside the first there is no room for it
    third = placed([*found, Marker(0, "change", "changes")], xs=[100.0, 180.0, 230.0], right=RIGHT)
    assert third[2].row == 2  # in row 0 there is, but its line would go through the second's label


def _span(note: PlacedMarker) -> tuple[float, float]:
    width = BADGE_WIDTH + CHARACTER_WIDTH * len(note.marker.text)
    left = note.x - width if note.leftward else note.x
    return left, left + width


@given(
    events=st.lists(
        st.tuples(st.floats(0, RIGHT), st.text(min_size=1, max_size=30)), min_size=1, max_size=25
    )
)
def test_labels_neither_cover_each_other_nor_leave_the_picture(
    events: list[tuple[float, str]],
) -> None:
    found = [Marker(0, "alert", text) for _, text in events]
    notes = placed(found, xs=[x for x, _ in events], right=RIGHT)
    for i, note in enumerate(notes):
        start, end = _span(note)
        assert end <= RIGHT or note.leftward
        for other in notes[:i]:
            if other.row == note.row:
                left, right = _span(other)
                assert end <= left or right <= start

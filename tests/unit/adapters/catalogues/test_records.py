import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.adapters.catalogues import records
from ml.adapters.catalogues.faults import Fault
from ml.adapters.catalogues.records import Record, read_records

COLUMNS = ("id", "text")


def read(folder: Path, data: bytes) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Good rows as (row, text), faults as (row, field)."""
    path = folder / "file.csv"
    path.write_bytes(data)
    read = list(read_records(path, COLUMNS))
    good = [(item.row, item.values["text"]) for item in read if isinstance(item, Record)]
    return good, [(item.row, item.field) for item in read if isinstance(item, Fault)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=8
    ),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_what_csv_writes_is_read_again(tmp_path: Path, texts: list[str], ending: str) -> None:
    path = tmp_path / "file.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator=ending, quoting=csv.QUOTE_ALL)
        writer.writerow(COLUMNS)
        writer.writerows((str(i), text) for i, text in enumerate(texts))
    good, faults = read(tmp_path, path.read_bytes())
    assert (good, faults) == ([(i + 2, text) for i, text in enumerate(texts)], [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.binary(max_size=200))
def test_no_bytes_are_an_exception(tmp_path: Path, data: bytes) -> None:
    good, faults = read(tmp_path, b"id,text\n" + data)
    rows = [row for row, _ in good] + [row for row, _ in faults]
    assert len(rows) == len(set(rows))


def test_a_byte_order_mark_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfid,text\n\n1,a\n,\n2,b\n") == ([(3, "a"), (5, "b")], [])


@pytest.mark.parametrize(
    "broken",
    [b'2,"never closed', b'2,"closed" too early', b'2,"" x"'],
    ids=["unclosed", "early", "doubled"],
)
def test_a_stray_quote_costs_its_own_row_only(tmp_path: Path, broken: bytes) -> None:
    rest = b"".join(b'%d,"quoted, with comma"\n' % i for i in range(3, 40))
    good, faults = read(tmp_path, b"id,text\n1,a\n" + broken + b"\n" + rest)
    assert faults == [(3, "row")]
    assert [row for row, _ in good] == [2, *range(4, 41)]


def test_a_quote_that_joins_rows_by_chance_loses_none_of_them(tmp_path: Path) -> None:
    good, faults = read(tmp_path, b'id,text\n1,"a\n2,b\n3,c"\n4,d,\n5,e\n')
    assert good == [(2, "a\n2,b\n3,c"), (4, "e")]  # well-formed CSV: nobody can know better
    assert faults == [(3, "row")]
    good, faults = read(tmp_path, b'id,text\n"1,a\n2,b\n3,c"\n4,d\n')
    assert ([text for _, text in good], faults[0]) == (["b", 'c"', "d"], (2, "row"))


@pytest.mark.parametrize("row", [b"1", b"1,a,b", b'1,"a",,'])
def test_a_wrong_number_of_fields_is_a_fault(tmp_path: Path, row: bytes) -> None:
    assert read(tmp_path, b"id,text\n" + row + b"\n2,b\n") == ([(3, "b")], [(2, "row")])


def test_a_line_without_end_is_a_fault_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_LINE", 100)
    huge = b"x" * 1_000
    good, faults = read(tmp_path, b"id,text\n1," + huge + b'\n2,b\n3,"' + huge + b'"\n4,d\n')
    assert (good, faults) == ([(3, "b"), (5, "d")], [(2, "row"), (4, "row")])


def test_a_field_over_many_lines_is_bounded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_LINE", 100)
    good, faults = read(tmp_path, b'id,text\n1,"' + b"yyyyyyyyy\n" * 30 + b'"\n2,b\n')
    assert good == [(33, "b")]
    assert faults[0] == (2, "row")


def test_the_field_limit_of_the_process_is_left_alone(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = tmp_path / "file.csv"
    path.write_bytes(b"id,text\n1,a\n2,b\n")
    for _ in read_records(path, COLUMNS):
        assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("data", "field", "said"),
    [
        (b"", "id, text", "found: nothing"),
        (b"id;text\n1;a\n", "id, text", "found: id;text"),
        (b"id,name\n1,a\n", "text", "found: id, name"),
        (b"id,text,text\n1,a,b\n", "text", "named twice"),
        (b'id,"text\n1,a\n', "header", "CSV"),
        ("id,text\n1,a\n".encode("utf-16"), "file", "UTF-16"),
    ],
    ids=["empty", "semicolons", "missing", "twice", "quote", "utf-16"],
)
def test_a_header_that_can_not_be_used_is_the_fault(
    tmp_path: Path, data: bytes, field: str, said: str
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(data)
    (fault,) = read_records(path, COLUMNS)
    assert isinstance(fault, Fault)
    assert (fault.row, fault.field) == (1, field)
    assert said in fault.reason

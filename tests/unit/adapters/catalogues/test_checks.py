import os
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.adapters.catalogues.checks import parse_time
from ml.adapters.catalogues.faults import FieldFault
from ml.domain.digests import digest_bytes
from tests.unit.adapters.catalogues.folders import check, jpeg, only_fault, product, write


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def test_a_row_without_fault_is_as_it_stands(tmp_path: Path) -> None:
    picture = jpeg()
    fields = {"title": " Lampe &amp; pied ", "description": "<p>été</p>", "image": "a.jpg"}
    write(tmp_path, [product(" 1 ", **fields, category=" 2060 ")], pictures={"a.jpg": picture})
    (row,) = check(tmp_path).rows
    assert (row.row, row.product_id, row.title) == (2, "1", " Lampe &amp; pied ")
    assert (row.description, row.category) == ("<p>été</p>", "2060")
    assert row.listed_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert row.picture_digest == digest_bytes(picture)
    assert row.picture is not None
    assert row.picture.read_bytes() == picture


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("product_id", " ", "is empty"),
        ("product_id", "x" * 201, "201 characters"),
        ("product_id", "a\0b", "NUL byte at character 2"),
        ("product_id", "a\nb", "printable"),
        ("product_id", "a\u200bb", "printable"),
        ("title", "", "is empty"),
        ("title", " \t ", "is empty"),
        ("title", "x" * 100_000, "100,000 characters"),
        ("title", "a\0", "NUL byte"),
        ("description", "x" * 5_001, "5,001 characters"),
        ("description", "\0", "NUL byte"),
        ("category", "", "category is empty"),
        ("category", "x" * 101, "at most 100"),
        ("category", "a\tb", "printable"),
        ("listed_at", "", "not an ISO 8601"),
        ("listed_at", "yesterday", "not an ISO 8601"),
        ("listed_at", "2024-13-01", "not an ISO 8601"),
        ("listed_at", "2024-05-01T10:00:00", "no time zone"),
        ("listed_at", "0001-01-01T00:00:00+14:00", "between 1900 and 2200"),
        ("listed_at", "1899-12-31", "between 1900 and 2200"),
        ("listed_at", "2200-01-01", "between 1900 and 2200"),
        ("listed_at", "9999-12-31T23:59:59-14:00", "between 1900 and 2200"),
        ("image", "gone.jpg", "is not in images/"),
        ("image", ".", "is not in images/"),
        ("image", "x" * 5_000, "is not in images/"),
        ("image", "a\0.jpg", "NUL byte"),
        ("image", "../products.csv", "leads out of images/"),
        ("image", "../../../../etc/passwd", "leads out of images/"),
        ("image", "/etc/passwd", "leads out of images/"),
    ],
)
def test_a_bad_field_is_named_with_its_row(
    tmp_path: Path, field: str, value: str, said: str
) -> None:
    write(tmp_path, [product("1"), product("2", **{field: value}), product("3")])
    fault = only_fault(tmp_path)
    assert (fault.row, fault.field) == (3, field)
    assert said in fault.reason
    assert fault.remedy
    assert [row.product_id for row in check(tmp_path).rows] == ["1", "3"]


def test_all_faults_of_a_row_are_told(tmp_path: Path) -> None:
    write(tmp_path, [product("", title="", category="", listed_at="x", image="gone.jpg")])
    faults = check(tmp_path).faults
    assert {fault.field for fault in faults} == {
        "product_id",
        "title",
        "category",
        "listed_at",
        "image",
    }
    assert {fault.row for fault in faults} == {2}


def test_a_duplicate_id_names_both_rows_and_keeps_the_first(tmp_path: Path) -> None:
    write(tmp_path, [product("1"), product("2"), product(" 1", title="again")])
    checked = check(tmp_path)
    (fault,) = checked.faults
    assert (fault.row, fault.field) == (4, "product_id")
    assert "row 2" in fault.reason
    assert [row.title for row in checked.rows] == ["Lampe 1", "Lampe 2"]


def test_bytes_of_another_encoding_are_a_fault_of_their_row(tmp_path: Path) -> None:
    write(tmp_path, [product("1"), product("2", title="caf\N{LATIN SMALL LETTER E WITH ACUTE}")])
    file = tmp_path / "products.csv"
    file.write_bytes(file.read_text("utf-8").encode("latin-1"))
    fault = only_fault(tmp_path)
    assert (fault.row, fault.field) == (3, "title")
    assert "0xE9 at character 4 is not UTF-8" in fault.reason


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (b"", "not one of JPEG"),
        (b"<html>not found</html>", "not one of JPEG"),
        (jpeg(size=(300, 300))[:600], "damaged"),
        (jpeg(kind="BMP"), "not one of JPEG"),
        (bomb(501, 500), "pixels"),
        (bomb(50_000, 50_000), "pixels"),
        (b"\xff" * 100_001, "100,001 bytes"),
    ],
    ids=["empty", "html", "truncated", "bmp", "large", "bomb", "heavy"],
)
def test_a_picture_that_can_not_be_used_is_a_fault(
    tmp_path: Path, picture: bytes, said: str
) -> None:
    write(tmp_path, [product("1", image="a.jpg")], pictures={"a.jpg": picture})
    fault = only_fault(tmp_path)
    assert (fault.row, fault.field, fault.product_id) == (2, "image", "1")
    assert said in fault.reason


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "secret.jpg"
    outside.write_bytes(jpeg())
    folder = write(tmp_path / "catalogue", [product("1", image="link.jpg")])
    (folder / "images" / "link.jpg").symlink_to(outside)
    assert "leads out" in only_fault(folder).reason


def test_a_link_in_a_circle_is_a_missing_picture(tmp_path: Path) -> None:
    write(tmp_path, [product("1", image="link.jpg")])
    (tmp_path / "images" / "link.jpg").symlink_to("link.jpg")
    assert "is not in images/" in only_fault(tmp_path).reason


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    write(tmp_path, [product("1", image="pipe")])
    os.mkfifo(tmp_path / "images" / "pipe")
    assert "is not in images/" in only_fault(tmp_path).reason


def test_the_folder_of_pictures_may_itself_be_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "disk"
    elsewhere.mkdir()
    (elsewhere / "a.jpg").write_bytes(jpeg())
    folder = write(tmp_path / "catalogue", [product("1", image="a.jpg")])
    (folder / "images").rmdir()
    (folder / "images").symlink_to(elsewhere)
    assert check(folder).faults == ()


@given(st.datetimes(timezones=st.timezones()).filter(lambda time: 1900 < time.year < 2199))
def test_a_time_with_a_zone_is_read_as_the_same_moment(time: datetime) -> None:
    assert parse_time(time.isoformat()).timestamp() == time.timestamp()


@given(st.text(max_size=30) | st.from_regex(r"\d{4}-\d\d-\d\d.*", fullmatch=True))
def test_any_text_is_a_time_in_utc_or_a_fault(text: str) -> None:
    try:
        zone = parse_time(text).tzinfo
    except FieldFault:
        return
    assert zone is UTC

"""The contract of ObjectStore, on the fake, on files and on S3."""

import pytest

from ml.adapters.objects import S3ObjectStore, open_object_store
from ml.domain.errors import InvalidInput, NotFound, ServiceUnavailable
from tests.fakes import InMemoryObjectStore


@pytest.fixture(
    params=[
        "fake",
        "file",
        *(pytest.param(s3, marks=pytest.mark.integration) for s3 in ("s3", "s3 prefix")),
    ]
)
def store(request, tmp_path):
    if request.param == "fake":
        return InMemoryObjectStore()
    if request.param == "file":
        return open_object_store((tmp_path / "my objects").as_uri())
    bucket = request.getfixturevalue("s3_bucket")
    endpoint = request.getfixturevalue("s3_endpoint")
    prefix = "/some/prefix" if request.param == "s3 prefix" else ""
    return open_object_store(f"s3://{bucket}{prefix}", endpoint_url=endpoint)


def test_bytes_come_back(store):
    data = bytes(range(256))
    uri = store.put("pictures/ab/été 1%20.jpg", data)
    assert store.get("pictures/ab/été 1%20.jpg") == data
    assert uri == store.uri("pictures/ab/été 1%20.jpg")
    assert store.key(uri) == "pictures/ab/été 1%20.jpg"


def test_a_second_put_replaces(store):
    store.put("a/b", b"old")
    store.put("a/b", b"")
    assert store.get("a/b") == b""


def test_what_was_not_put_is_not_found(store):
    store.put("a/b/c", b"x")
    for key in ("a", "a/b", "a/b/d", "a/b/c/d", "z"):
        assert not store.exists(key)
        with pytest.raises(NotFound, match=f"'{key}'"):
            store.get(key)
    assert store.exists("a/b/c")


def test_keys_are_listed_sorted_below_a_prefix(store):
    for key in ("b/2", "a/x/1", "a/y", "a-b", "b/10", "c"):
        store.put(key, b"x")
    assert list(store.list("")) == ["a-b", "a/x/1", "a/y", "b/10", "b/2", "c"]
    assert list(store.list("a/")) == ["a/x/1", "a/y"]
    assert list(store.list("a")) == ["a-b", "a/x/1", "a/y"]
    assert list(store.list("b/1")) == ["b/10"]
    assert list(store.list("nothing/here")) == []


BAD_KEYS = [
    "",
    "/etc/passwd",
    "../up",
    "a/../../up",
    "a//b",
    "a/",
    "a/.hidden",
    "a\0b",
    "a\nb",
    ".",
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_could_leave_the_store_is_refused(store, key):
    for use in (store.get, store.exists, store.uri, lambda key: store.put(key, b"")):
        with pytest.raises(InvalidInput, match="plain relative path"):
            use(key)


@pytest.mark.parametrize("key", ["a/" + "x" * 256, "é" * 128, "a/" * 512 + "b"])
def test_a_key_longer_than_a_store_can_hold_is_refused(store, key):
    for use in (store.get, store.exists, store.uri, lambda key: store.put(key, b"")):
        with pytest.raises(InvalidInput, match="too long"):
            use(key)


def test_the_longest_key_is_stored(store):
    key = "/".join(["x" * 255] * 4)
    store.put(key, b"x")
    assert (store.get(key), list(store.list(""))) == (b"x", [key])


def test_a_uri_outside_the_store_is_refused(store):
    inside = store.uri("a")
    outside = [
        "file:///etc/passwd",
        "s3://other/a",
        "https://example.org/a",
        "a",
        inside[:-1] + "../a",
        inside[:-1] + "%2e%2e/a" if inside.startswith("file:") else inside[:-1] + "./a",
        inside[:-2] + "-other/a",
    ]
    for uri in outside:
        with pytest.raises(InvalidInput):
            store.key(uri)


@pytest.mark.parametrize("url", ["", "/a/b", "file://host/a", "s3:///a", "https://example.org"])
def test_an_unknown_kind_of_store_is_refused(url):
    with pytest.raises(InvalidInput, match="file:///folder or s3://bucket/prefix"):
        open_object_store(url)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    store = open_object_store(tmp_path.as_uri())
    store.put("a/b", b"old")

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(ServiceUnavailable, match="No space left"):
        store.put("a/b", b"new")
    assert store.get("a/b") == b"old"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_file_half_written_by_a_killed_process_is_not_listed(tmp_path):
    store = open_object_store(tmp_path.as_uri())
    store.put("a/b", b"x")
    (tmp_path / "a" / ".tmpabc").write_bytes(b"half")
    assert list(store.list("")) == ["a/b"]


@pytest.mark.integration
def test_an_s3_that_does_not_answer_is_unavailable(s3_endpoint, s3_bucket):
    nobody = S3ObjectStore(s3_bucket, endpoint_url="http://127.0.0.1:9")
    with pytest.raises(ServiceUnavailable, match="did not answer for 'a'"):
        nobody.get("a")


@pytest.mark.integration
def test_a_missing_bucket_is_not_a_missing_object(s3_endpoint, s3_bucket):
    store = S3ObjectStore("no-such-bucket", endpoint_url=s3_endpoint)
    with pytest.raises(ServiceUnavailable, match="NoSuchBucket"):
        store.put("a", b"")

"""The object store: a folder, or a bucket of S3 or a store that speaks its protocol."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ml.domain.errors import InvalidInput, NotFound, ServiceUnavailable
from ml.domain.ports import ObjectStore

_LONGEST_PART = 255  # bytes of a file's name
_LONGEST_KEY = 1_024  # bytes of an S3 key


def open_object_store(url: str, *, endpoint_url: str | None = None) -> ObjectStore:
    """The store at `file:///folder` or `s3://bucket/prefix`; `endpoint_url` is S3's own or None."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return FileObjectStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        return S3ObjectStore(parts.netloc, parts.path.strip("/"), endpoint_url=endpoint_url)
    raise InvalidInput(
        f"object store {url!r} is not understood; use file:///folder or s3://bucket/prefix"
    )


def _checked(key: str) -> str:
    """A plain relative path: no empty part, none that starts with a dot, none too long."""
    if any(ord(c) < 32 for c in key) or any(p[:1] in ("", ".") for p in key.split("/")):
        raise InvalidInput(
            f"object key {key[:100]!r} is not a plain relative path such as pictures/ab/abcd"
        )
    lengths = [len(part.encode(errors="replace")) for part in key.split("/")]
    if max(lengths) > _LONGEST_PART or sum(lengths) + len(lengths) - 1 > _LONGEST_KEY:
        raise InvalidInput(
            f"object key {key[:100]!r}... is too long; at most {_LONGEST_KEY} bytes are allowed, "
            f"{_LONGEST_PART} between slashes"
        )
    return key


def _within(uri: str, base: str) -> str:
    if not uri.startswith(base):
        raise InvalidInput(f"{uri[:200]!r} is not in the object store {base}")
    return uri.removeprefix(base)


class FileObjectStore:
    """One file an object below a folder, which is made at the first write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def put(self, key: str, data: bytes) -> str:
        """Store the bytes, replacing what is there, and return the object's URI.

        A crash leaves the old object or the new one: the bytes reach the disk under a temporary
        name first. That name starts with a dot, which no key does.
        """
        path = self._path(key)
        with _file_errors(key):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        return path.as_uri()

    def get(self, key: str) -> bytes:
        """The bytes; raises NotFound."""
        with _file_errors(key):
            return self._path(key).read_bytes()

    def exists(self, key: str) -> bool:
        with _file_errors(key):
            return self._path(key).is_file()

    def list(self, prefix: str) -> Iterator[str]:
        """Keys that start with a prefix, sorted."""
        folder = self._folder / _checked(prefix + "x").rpartition("/")[0]
        with _file_errors(prefix):
            keys = [
                path.relative_to(self._folder).as_posix()
                for path in folder.rglob("[!.]*")
                if path.is_file()
            ]
        yield from sorted(key for key in keys if key.startswith(prefix))

    def uri(self, key: str) -> str:
        return self._path(key).as_uri()

    def key(self, uri: str) -> str:
        """Key of a URI of this store; raises InvalidInput for any other URI."""
        return _checked(unquote(_within(uri, self._folder.as_uri() + "/")))

    def _path(self, key: str) -> Path:
        return self._folder / _checked(key)


@contextmanager
def _file_errors(key: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise NotFound(f"object {key!r} does not exist") from None
    except OSError as error:
        raise ServiceUnavailable(
            f"object store failed on {key!r} ({error.strerror}); check its folder"
        ) from error


class S3ObjectStore:
    """Objects in a bucket, below a prefix; credentials come by boto's own chain."""

    def __init__(self, bucket: str, prefix: str = "", *, endpoint_url: str | None = None) -> None:
        import boto3
        from botocore.config import Config

        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = boto3.client(
            "s3",
            endpoint_url=endpoint_url,
            config=Config(
                connect_timeout=3,
                read_timeout=20,
                retries={"total_max_attempts": 3},
                request_checksum_calculation="when_required",  # other S3s know no more
                response_checksum_validation="when_required",
            ),
        )

    def put(self, key: str, data: bytes) -> str:
        """Store the bytes, replacing what is there, and return the object's URI."""
        with _s3_errors(key):
            self._client.put_object(**self._address(key), Body=data)
        return self.uri(key)

    def get(self, key: str) -> bytes:
        """The bytes; raises NotFound."""
        with _s3_errors(key):
            body: bytes = self._client.get_object(**self._address(key))["Body"].read()
            return body

    def exists(self, key: str) -> bool:
        try:
            with _s3_errors(key):
                self._client.head_object(**self._address(key))
        except NotFound:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """Keys that start with a prefix, sorted."""
        _checked(prefix + "x")
        with _s3_errors(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    yield found["Key"].removeprefix(self._prefix)

    def uri(self, key: str) -> str:
        return f"{self._base}{_checked(key)}"

    def key(self, uri: str) -> str:
        """Key of a URI of this store; raises InvalidInput for any other URI."""
        return _checked(_within(uri, self._base))

    @property
    def _base(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}"

    def _address(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + _checked(key)}


@contextmanager
def _s3_errors(key: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in ("NoSuchKey", "404", "NotFound"):
            raise NotFound(f"object {key!r} does not exist") from None
        raise ServiceUnavailable(f"object store refused {key!r} ({code})") from error
    except BotoCoreError as error:
        raise ServiceUnavailable(
            f"object store did not answer for {key!r} ({type(error).__name__}); "
            "check its endpoint and credentials"
        ) from error

"""Where a backbone's weights come from, and the cache of the vectors it gives.

A picture is embedded once per backbone, ever: next month's retraining pays for new pictures only.
"""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray

from ml.domain.digests import digest_of
from ml.domain.errors import InvalidInput, NotFound
from ml.domain.ports import ObjectStore
from ml.models.backbone import Backbone, BackboneSpec, hub_backbone, load_backbone
from ml.models.pictures import decode_pictures
from ml.training.rows import CHUNK, PictureOf

Progress = Callable[[str], None]

HUB = "hub"

_logger = logging.getLogger(__name__)


def open_backbone(
    source: str | None, spec: BackboneSpec, *, objects: ObjectStore, device: torch.device
) -> Backbone | None:
    """The pretrained network that the setting names, or None when it names none.

    `source` is a safetensors path, an object URI of this store, or `hub`. Raises InvalidInput or
    ServiceUnavailable, with the remedy, when the weights can't be had.
    """
    if source is None:
        return None
    if source == HUB:
        return hub_backbone(spec, device=device)
    return load_backbone(spec, read_weights(source, objects), device=device)


def read_weights(source: str, objects: ObjectStore) -> bytes:
    """Bytes of a checkpoint at a path or an object URI; raises InvalidInput when there is none."""
    try:
        if "://" in source:
            return objects.get(objects.key(source))
        return Path(source).expanduser().read_bytes()
    except (OSError, NotFound) as error:
        raise InvalidInput(
            f"no backbone weights at {source} ({type(error).__name__}); set "
            "REGAIN_BACKBONE_WEIGHTS to a safetensors file or an object URI"
        ) from None


def load_pixels(
    digests: Sequence[str], side: int, *, picture_of: PictureOf, max_pixels: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Decoded pictures [n, side, side, 3] and which of them could be read [n].

    Encoded bytes, twenty times larger, are held for a few hundred pictures at a time.
    """
    pixels = np.zeros((len(digests), side, side, 3), dtype=np.uint8)
    readable = np.zeros(len(digests), dtype=np.bool_)
    for start in range(0, len(digests), CHUNK):
        part = slice(start, start + CHUNK)
        pixels[part], readable[part] = decode_pictures(
            [_read_picture(digest, picture_of) for digest in digests[part]],
            side,
            max_pixels=max_pixels,
            workers=os.cpu_count() or 1,
        )
    return pixels, readable


def embed_uncached(
    digests: Sequence[str], *, backbone: Backbone, picture_of: PictureOf, max_pixels: int
) -> NDArray[np.float32]:
    """Feature vectors [n, d] of pictures by digest; NaN rows for those that can't be read."""
    parts = []
    for start in range(0, max(1, len(digests)), CHUNK):
        pixels, readable = load_pixels(
            digests[start : start + CHUNK],
            backbone.spec.image_size,
            picture_of=picture_of,
            max_pixels=max_pixels,
        )
        vectors = backbone.embed(pixels)
        vectors[~readable] = np.nan
        parts.append(vectors)
    return np.concatenate(parts)


def embed_pictures(
    digests: Sequence[str],
    *,
    backbone: Backbone,
    objects: ObjectStore,
    picture_of: PictureOf,
    max_pixels: int,
    chunk: int = CHUNK,
    progress: Progress = _logger.info,
) -> NDArray[np.float32]:
    """`embed_uncached`, but only for pictures that this backbone has not embedded before.

    Vectors are kept in the object store as `embeddings/<backbone>/<shard>.safetensors`. Every chunk
    is stored when it is done, so a run that was killed goes on where it stopped. What could not be
    read is not stored: a picture that was away today is tried again next time.
    """
    prefix = f"embeddings/{backbone.digest}"
    vectors = _stored_vectors(objects, prefix)
    missing = sorted(set(digests) - vectors.keys())
    for start in range(0, len(missing), chunk):
        part = missing[start : start + chunk]
        embedded = embed_uncached(
            part, backbone=backbone, picture_of=picture_of, max_pixels=max_pixels
        )
        vectors |= zip(part, embedded, strict=True)
        _store_vectors(objects, prefix, part, embedded)
        progress(f"embedded {start + len(part)} of {len(missing)} new pictures")
    nothing = embed_uncached([], backbone=backbone, picture_of=picture_of, max_pixels=max_pixels)
    return np.stack([vectors[digest] for digest in digests]) if digests else nothing


def _read_picture(digest: str, picture_of: PictureOf) -> bytes:
    """The picture, or no bytes at all: one lost picture does not stop a retraining."""
    try:
        return picture_of(digest)
    except NotFound:
        _logger.warning("picture %s is not in the object store; its product has none", digest)
        return b""


def _store_vectors(
    objects: ObjectStore, prefix: str, digests: Sequence[str], vectors: NDArray[np.float32]
) -> None:
    rows = np.flatnonzero(np.isfinite(vectors[:, 0])).tolist()
    kept = [digests[row] for row in rows]
    if not kept:
        return
    names = np.frombuffer(bytes.fromhex("".join(kept)), dtype=np.uint8).reshape(len(kept), -1)
    shard = safetensors.numpy.save({"digests": names, "vectors": vectors[rows]})
    objects.put(f"{prefix}/{digest_of(*kept)}.safetensors", shard)


def _stored_vectors(objects: ObjectStore, prefix: str) -> dict[str, NDArray[np.float32]]:
    """Vectors by picture digest, from all shards of one backbone."""
    vectors: dict[str, NDArray[np.float32]] = {}
    for key in objects.list(f"{prefix}/"):
        shard = safetensors.numpy.load(objects.get(key))
        names = (row.tobytes().hex() for row in shard["digests"])
        vectors |= zip(names, shard["vectors"], strict=True)
    return vectors

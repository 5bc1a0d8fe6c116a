"""Known sets: MNIST and Fashion-MNIST, found on disk or downloaded once and checked; scikit-learn's digits.

Order: the given folder, ``CNNSPEC_DATA``, the cache, the network. A folder may
hold the four files itself or in a folder named after the set. Files that were
downloaded are checked by SHA-256 each time; a user's own are taken as they are.

MNIST: Y. LeCun and C. Cortes, CC BY-SA 3.0. Fashion-MNIST: Zalando SE, MIT. The digits: Alpaydin and
Kaynak 1998.
"""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from platformdirs import user_cache_path

from cnnspec.files import read_bytes, write_atomically
from cnnspec.training.data.dataset import Dataset
from cnnspec.training.data.faults import missing
from cnnspec.training.data.idx import FILES, files_in, read_set

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with a file's name, the bytes received, and the bytes in all (0 if unknown)."""

CONNECT_SECONDS = 20
CHUNK = 1 << 16
LARGEST = 200_000_000
TEST_EVERY: Final = 5
"""Each fifth of the digits, beginning with the fifth, is a test: 359 of them, and 1,438 to train on."""


@dataclass(frozen=True)
class PublishedSet:
    """A published set: where it lies, what its files are, what its labels mean."""

    name: str
    sources: tuple[str, ...]
    sums: dict[str, str]
    names: tuple[str, ...]


def _sums(*sums: str) -> dict[str, str]:
    return dict(zip(FILES, sums, strict=True))


MNIST: Final = PublishedSet(
    "mnist",
    ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
    _sums(
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    tuple("0123456789"),
)
FASHION: Final = PublishedSet(
    "fashion_mnist",
    ("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",),
    _sums(
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"),
)


def load(which: PublishedSet, folder: Path | None = None, progress: Progress | None = None) -> Dataset:
    """The set, from a given folder or by the usual order; raises SpecError where it cannot be had."""
    paths = locate(which, folder) or fetch(which, cache_folder(which), progress)
    return read_set(which.name, paths, which.names)


def locate(which: PublishedSet, folder: Path | None = None) -> tuple[Path, ...] | None:
    """The four files in the given folder or ``CNNSPEC_DATA``; a given folder must hold them."""
    if folder is not None:
        found = _in(folder, which)
        if not found:
            raise missing(
                f"{folder} does not hold {which.name}",
                f"put {', '.join(FILES)} there (plain or .gz), or into {folder / which.name}",
            )
        return found
    home = os.environ.get("CNNSPEC_DATA")
    return _in(Path(home), which) if home else None


def cache_folder(which: PublishedSet) -> Path:
    return user_cache_path("cnnspec") / "data" / which.name


def fetch(which: PublishedSet, folder: Path, progress: Progress | None = None) -> tuple[Path, ...]:
    """The four files in the cache, downloaded where they are missing or damaged."""
    paths = tuple(folder / f"{name}.gz" for name in FILES)
    for path in paths:
        wanted = which.sums[path.stem]
        if not path.exists() or hashlib.sha256(read_bytes(path, LARGEST)).hexdigest() != wanted:
            data = _download(which, path.name, wanted, progress)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
    return paths


def _in(folder: Path, which: PublishedSet) -> tuple[Path, ...] | None:
    """The four files where a folder keeps this set, or None. Its own folder comes before the bare files."""
    for place in (folder / which.name, folder / which.name.replace("_", "-"), folder):
        paths = files_in(place)
        if paths and not _is_another(paths[-1], which):
            return paths
    return None


def _is_another(test_labels: Path, which: PublishedSet) -> bool:
    """Whether the bare files of a folder are those of the other set: both use the same names."""
    if test_labels.stat().st_size > CHUNK:
        return False
    digest = hashlib.sha256(read_bytes(test_labels, CHUNK)).hexdigest()
    return any(digest in other.sums.values() for other in (MNIST, FASHION) if other is not which)


def _download(which: PublishedSet, name: str, wanted: str, progress: Progress | None) -> bytes:
    troubles = []
    for source in which.sources:
        try:
            data = _receive(source + name, name, progress)
        except (urllib.error.URLError, TimeoutError, OSError, ValueError) as error:
            troubles.append(f"{source}: {getattr(error, 'reason', None) or error}")
            continue
        if hashlib.sha256(data).hexdigest() == wanted:
            return data
        troubles.append(f"{source}: the SHA-256 of {name} is not the published one; it was thrown away")
    raise missing(
        f"{which.name} is not on this machine and could not be downloaded",
        "give the folder that holds it: --data-dir FOLDER, or set CNNSPEC_DATA",
        "or take the digits, which need no download: --data digits",
        notes=tuple(troubles),
    )


def _receive(url: str, name: str, progress: Progress | None) -> bytes:
    with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer:
        total = int(answer.headers.get("Content-Length") or 0)
        data = bytearray()
        while chunk := answer.read(CHUNK):
            data += chunk
            if len(data) > LARGEST:
                raise ValueError(f"sends more than {LARGEST:,} bytes")
            if progress:
                progress(name, len(data), total)
    return bytes(data)


def load_digits() -> Dataset:
    """The 1,797 handwritten digits of scikit-learn, 8x8, with the fixed split of ``TEST_EVERY``.

    No download; 0 to 16 becomes 0 to 255. Raises SpecError where scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits as read_digits  # type: ignore[import-untyped]
    except ImportError as error:
        message = "the digits set comes with scikit-learn, which is not installed"
        cures = ("pip install 'cnnspec[digits]'", "or give MNIST: --data mnist --data-dir FOLDER")
        raise missing(message, *cures) from error
    found = read_digits()
    images = np.rint(found.images[..., None] * (255 / 16)).astype(np.uint8)
    labels = found.target.astype(np.int64)
    test = np.arange(len(labels)) % TEST_EVERY == TEST_EVERY - 1
    names = tuple("0123456789")
    return Dataset("digits", images[~test], labels[~test], images[test], labels[test], names)

"""Download the public Zeus traces: checked, resumable, and never half there.

A file grows as ``NAME.part`` and takes its name only once its SHA-256 is right. A ``.part`` outlives a failure or
Ctrl-C, so that the next call resumes it; a lock on it, which the system lifts when its holder dies, keeps two
downloads from writing into the same one.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import ssl
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

from elastance.errors import DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

PUBLIC_URL = "https://raw.githubusercontent.com/ml-energy/zeus/v0.1.0/trace"
"""Where the authors of Zeus publish the traces (Apache-2.0)."""

CACHE_VARIABLE = "ELASTANCE_CACHE"

Progress: TypeAlias = "Callable[[str, int, int], None]"
"""Called with (file name, bytes so far, bytes in all)."""

_CHUNK = 1 << 16


@dataclass(frozen=True)
class PublicFile:
    """A published file.

    Attributes:
        name: File name.
        size_bytes: Its size.
        sha256: Digest of its bytes, hexadecimal.
    """

    name: str
    size_bytes: int
    sha256: str


PUBLIC_FILES: tuple[PublicFile, ...] = (
    PublicFile(
        "summary_train.csv",
        186_977,
        "076b35615349ee624403006e5ad67fd9ebda92af690c7750f8bb0c2ab92c0cf4",
    ),
    PublicFile(
        "summary_power_a40.csv",
        29_641,
        "f4ec111fc9b06b353182faab9160ecb1236a486b2741ed93383b80497332031e",
    ),
    PublicFile(
        "summary_power_p100.csv",
        18_163,
        "158e9a6784b6e2d26710529b132cf173b227dc8688f4931c19a637bce2b7503b",
    ),
    PublicFile(
        "summary_power_rtx6000.csv",
        27_704,
        "edccecc7f8b7a6102962b03f0f37767dd9cd2f03469ebccadc9805e82901bdc4",
    ),
    PublicFile(
        "summary_power_v100.csv",
        32_534,
        "f0b066dd1a451bd78f730e001ac3a7c411979bc7f0846f12c1a9fb604aa90628",
    ),
)
"""The train trace and the four power traces, as published with Zeus v0.1.0."""


@dataclass(frozen=True)
class FetchReport:
    """What a download did.

    Attributes:
        directory: Where the files are.
        downloaded: Names of the files that were transferred.
        present: Names of those that were already there, checksum right.
        bytes_transferred: Bytes that came over the network.
    """

    directory: Path
    downloaded: tuple[str, ...]
    present: tuple[str, ...]
    bytes_transferred: int


def cache_dir() -> Path:
    """Return the user's cache of public traces; ``ELASTANCE_CACHE`` names another directory."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("elastance") / "traces"


def fetch(
    destination: Path | None = None,
    *,
    base_url: str = PUBLIC_URL,
    files: Sequence[PublicFile] = PUBLIC_FILES,
    force: bool = False,
    timeout_s: float = 30.0,
    attempts: int = 3,
    on_progress: Progress | None = None,
) -> FetchReport:
    """Download `files` unless they are there already.

    Args:
        destination: Directory to download to; the user's cache by default. Created if need be.
        base_url: Directory to download from, http or https.
        files: What to download.
        force: Download also what is there.
        timeout_s: Longest silence of the server, s.
        attempts: How often a broken transfer is taken up again before giving up.
        on_progress: Called as bytes arrive.

    Raises:
        DownloadError: Something could not be fetched, or is not what was published.
    """
    if not base_url.startswith(("https://", "http://")):
        raise DownloadError(f"{base_url}: only http:// and https:// addresses can be fetched from")
    directory = cache_dir() if destination is None else destination
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"{directory}: cannot be created: {error.strerror}") from None
    downloaded: list[str] = []
    present: list[str] = []
    transferred = 0
    for file in files:
        target = directory / file.name
        if not force and target.is_file() and _sha256(target) == file.sha256:
            present.append(file.name)
            continue
        download = _Download(file, f"{base_url.rstrip('/')}/{file.name}", timeout_s, on_progress)
        transferred += download.into(target, attempts)
        downloaded.append(file.name)
    return FetchReport(directory, tuple(downloaded), tuple(present), transferred)


class _Interrupted(Exception):  # noqa: N818 - never leaves this module
    """A transfer broke off in a way that trying again may mend."""


class _Download:
    """One file on its way."""

    def __init__(self, file: PublicFile, url: str, timeout_s: float, on_progress: Progress | None) -> None:
        self._file = file
        self._url = url
        self._timeout_s = timeout_s
        self._on_progress = on_progress
        self._transferred = 0

    def into(self, target: Path, attempts: int) -> int:
        """Download to `target`; return the bytes transferred."""
        part = target.with_name(target.name + ".part")
        with _locked(part) as stream:
            for attempt in range(1, attempts + 1):
                try:
                    self._transfer(stream)
                    break
                except _Interrupted as error:
                    if attempt == attempts:
                        raise DownloadError(
                            f"{self._url}: {error}; tried {attempts} times, the next fetch goes on from here"
                        ) from None
            self._verify(part)
            _or_complain(part, lambda: part.replace(target))
        return self._transferred

    def _transfer(self, stream: IO[bytes]) -> None:
        """Append what is missing, or start over where the server does not resume."""
        have = stream.seek(0, os.SEEK_END)
        if have >= self._file.size_bytes:
            if have == self._file.size_bytes:
                return
            have = _start_over(stream)
        headers = {"User-Agent": "elastance", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        request = urllib.request.Request(self._url, headers=headers)  # noqa: S310 - fetch() checked the scheme
        with self._opened(request, stream) as response:
            if have and not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
                have = _start_over(stream)
            while have <= self._file.size_bytes and (chunk := self._read(response)):
                _or_complain(Path(stream.name), lambda chunk=chunk: stream.write(chunk))
                have += len(chunk)
                self._transferred += len(chunk)
                if self._on_progress is not None:
                    self._on_progress(self._file.name, have, self._file.size_bytes)
        _or_complain(Path(stream.name), stream.flush)
        if have < self._file.size_bytes:
            raise _Interrupted(f"broke off after {have:,} of {self._file.size_bytes:,} bytes")

    @contextmanager
    def _opened(
        self, request: urllib.request.Request, stream: IO[bytes]
    ) -> Generator[http.client.HTTPResponse]:
        try:
            response = urllib.request.urlopen(request, timeout=self._timeout_s)  # noqa: S310
        except urllib.error.HTTPError as error:
            with error:
                if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    _start_over(stream)
                    raise _Interrupted("the server cannot resume") from None
                if error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise _Interrupted(f"HTTP {error.code} {error.reason}") from None
                raise DownloadError(f"{self._url}: HTTP {error.code} {error.reason}") from None
        except urllib.error.URLError as error:
            raise self._unreachable(error.reason) from None
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(_in_words(error)) from None
        with response:
            yield response

    def _unreachable(self, reason: object) -> Exception:
        if isinstance(reason, ssl.SSLError):
            return DownloadError(f"{self._url}: no secure connection: {_in_words(reason)}")
        if isinstance(reason, TimeoutError):
            return _Interrupted(f"no answer within {self._timeout_s:g} s")
        return DownloadError(
            f"{self._url}: cannot be reached: {_in_words(reason)}; check the network, or name a mirror with --url"
        )

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.read(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(_in_words(error)) from None

    def _verify(self, part: Path) -> None:
        found = _sha256(part)
        if found != self._file.sha256:
            part.unlink()
            raise DownloadError(
                f"{self._url}: not the published file: expected SHA-256 {self._file.sha256}, got {found}; "
                "nothing was kept"
            )


@contextmanager
def _locked(part: Path) -> Generator[IO[bytes]]:
    """Open `part` for appending, as the only one."""
    try:
        stream = part.open("ab")
    except OSError as error:
        raise DownloadError(f"{part}: cannot be written: {error.strerror}") from None
    with stream:
        try:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between opening and locking, another fetch may have finished with this very file.
            if not (part.exists() and os.path.samestat(part.stat(), os.fstat(stream.fileno()))):
                raise BlockingIOError
        except ImportError:
            pass  # no such locks on this system; the checksum still guards the result
        except OSError:
            raise DownloadError(f"{part}: another fetch is writing it; try again when it is done") from None
        yield stream


def _start_over(stream: IO[bytes]) -> int:
    stream.truncate(0)
    return 0


def _or_complain(path: Path, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        hint = "; free some space and fetch again" if error.errno == errno.ENOSPC else ""
        raise DownloadError(f"{path}: cannot be written: {error.strerror}{hint}") from None


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DownloadError(f"{path}: cannot be read: {error.strerror}") from None


def _in_words(reason: object) -> str:
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return " ".join(str(text).split())

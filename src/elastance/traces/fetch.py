"""Download the public Zeus traces: checked, resumable, and never half there.

A file grows as ``NAME.part`` and takes its name only once its SHA-256 is right. A ``.part`` outlives a failure or
Ctrl-C, so that the next call resumes it; a lock on it keeps two downloads from writing into the same one. The lock
is on the ``.part`` itself, not a file of its own, because the system lifts it when its holder dies: nothing stale
is ever left to clear away. What talks to the network is imported only when it is used; every command imports this
module, few of them download.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from elastance.errors import DownloadError

if TYPE_CHECKING:
    import http.client
    import io
    import urllib.request
    from collections.abc import Callable, Generator, Sequence

PUBLIC_URL = "https://raw.githubusercontent.com/ml-energy/zeus/v0.1.0/trace"
"""Where the authors of Zeus publish the traces (Apache-2.0)."""

CACHE_VARIABLE = "ELASTANCE_CACHE"

Progress: TypeAlias = "Callable[[str, int, int], None]"
"""Called with (file name, bytes so far, bytes in all)."""

_CHUNK = 1 << 16

_LOCKS = os.name == "posix"
"""Whether files can be locked. On Windows none that is open can be renamed, which keeps downloads apart as well."""


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
        "summary_train.csv", 186_977, "076b35615349ee624403006e5ad67fd9ebda92af690c7750f8bb0c2ab92c0cf4"
    ),
    PublicFile(
        "summary_power_a40.csv", 29_641, "f4ec111fc9b06b353182faab9160ecb1236a486b2741ed93383b80497332031e"
    ),
    PublicFile(
        "summary_power_p100.csv", 18_163, "158e9a6784b6e2d26710529b132cf173b227dc8688f4931c19a637bce2b7503b"
    ),
    PublicFile(
        "summary_power_rtx6000.csv",
        27_704,
        "edccecc7f8b7a6102962b03f0f37767dd9cd2f03469ebccadc9805e82901bdc4",
    ),
    PublicFile(
        "summary_power_v100.csv", 32_534, "f0b066dd1a451bd78f730e001ac3a7c411979bc7f0846f12c1a9fb604aa90628"
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
        attempts: How often to try before giving up on a broken transfer.
        on_progress: Called as bytes arrive.

    Raises:
        DownloadError: Something could not be fetched, or is not what was published.
    """
    base_url = _checked(base_url)
    directory = cache_dir() if destination is None else destination
    with _made("created", directory):
        directory.mkdir(parents=True, exist_ok=True)
    downloaded: list[str] = []
    present: list[str] = []
    transferred = 0
    for file in files:
        target = directory / file.name
        if not force and target.is_file() and _sha256(target) == file.sha256:
            present.append(file.name)
            continue
        download = _Download(file, f"{base_url}/{file.name}", timeout_s, on_progress)
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
            resumed = _size(stream) > 0
            self._complete(stream, attempts)
            if resumed and _sha256(part) != self._file.sha256:
                _start_over(stream)  # what an earlier call left may be all that is wrong
                self._complete(stream, attempts)
            with _made("written", part):
                os.fsync(stream.fileno())  # a network file system may say only now that it is full
            if not _LOCKS:
                stream.close()
            self._verify(part)
            with _made("written", target):
                part.replace(target)
        return self._transferred

    def _complete(self, stream: io.FileIO, attempts: int) -> None:
        """Transfer until all is there, as often as `attempts` allows."""
        for attempt in itertools.count(1):
            try:
                self._transfer(stream)
                break
            except _Interrupted as error:
                if attempt >= attempts:
                    outlook = ", the next fetch goes on from here" if _size(stream) else ""
                    raise DownloadError(f"{self._url}: {error}; tried {attempt} times{outlook}") from None

    def _transfer(self, stream: io.FileIO) -> None:
        """Append what is missing, or start over where the server does not resume."""
        size = self._file.size_bytes
        have = _size(stream)
        if have == size:
            return
        if have > size:
            have = _start_over(stream)
        with self._opened(stream, have) as response:
            have = self._resumed(response, stream, have)
            while have <= size and (chunk := self._read(response)):
                _append(stream, chunk)
                have += len(chunk)
                self._transferred += len(chunk)
                if self._on_progress is not None:
                    self._on_progress(self._file.name, have, size)
        if have < size:
            raise _Interrupted(f"broke off after {have:,} of {size:,} bytes")

    @contextmanager
    def _opened(self, stream: io.FileIO, have: int) -> Generator[http.client.HTTPResponse]:
        """Ask for what follows the first `have` bytes."""
        import http.client
        import urllib.error
        import urllib.request

        headers = {"User-Agent": "elastance", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        request = urllib.request.Request(self._url, headers=headers)  # noqa: S310 - fetch() checked the scheme
        try:
            response = _web_opener().open(request, timeout=self._timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                answer = f"HTTP {error.code} {_in_words(error.reason)}"
                if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                    raise self._unresumable(stream) from None
                if error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise _Interrupted(answer) from None
                raise DownloadError(f"{self._url}: {answer}") from None
        except urllib.error.URLError as error:
            raise self._unreachable(error.reason) from None
        except ValueError as error:  # it redirects to something that is no address
            raise DownloadError(f"{self._url}: leads to no usable address: {_in_words(error)}") from None
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(_in_words(error)) from None
        with response:
            yield response

    def _resumed(self, response: http.client.HTTPResponse, stream: io.FileIO, have: int) -> int:
        """Return after how many bytes the answer goes on, having dropped the others."""
        import http

        partial = response.status == http.HTTPStatus.PARTIAL_CONTENT
        if partial and not (response.headers["Content-Range"] or "").startswith(f"bytes {have}-"):
            raise self._unresumable(stream)
        start = have if partial else 0
        if response.length is not None and start + response.length != self._file.size_bytes:
            # Most likely the log-in page of a network; the bytes there already may still be good.
            raise DownloadError(
                f"{self._url}: not the published file: it has {start + response.length:,} bytes "
                f"instead of {self._file.size_bytes:,}; check what answers at this address"
            )
        return start or _start_over(stream)

    def _unresumable(self, stream: io.FileIO) -> Exception:
        _start_over(stream)
        return _Interrupted("the server cannot resume")

    def _unreachable(self, reason: object) -> Exception:
        import ssl

        if isinstance(reason, ssl.SSLError):
            return DownloadError(f"{self._url}: no secure connection: {_in_words(reason)}")
        if isinstance(reason, TimeoutError):
            return _Interrupted(f"no answer within {self._timeout_s:g} s")
        return DownloadError(
            f"{self._url}: cannot be reached: {_in_words(reason)}; check the network, or name a mirror with --url"
        )

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        import http.client

        try:
            return response.read(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(_in_words(error)) from None

    def _verify(self, part: Path) -> None:
        found = _sha256(part)
        if found != self._file.sha256:
            with _made("removed", part):
                part.unlink()
            raise DownloadError(
                f"{self._url}: not the published file: expected SHA-256 {self._file.sha256}, got {found}; "
                "nothing was kept"
            )


def _checked(base_url: str) -> str:
    try:
        address = urlsplit(base_url)
        on_the_web = address.scheme in {"http", "https"} and bool(address.hostname)
        _ = address.port  # complains if it is no port
    except ValueError as error:
        raise DownloadError(f"{base_url}: no usable address: {error}") from None
    if not on_the_web:
        raise DownloadError(f"{base_url}: only http:// and https:// addresses can be fetched from")
    if not (base_url.isascii() and base_url.isprintable() and " " not in base_url):
        raise DownloadError(f"{base_url!r}: no usable address: percent-encode blanks and what is not ASCII")
    return base_url.rstrip("/")


def _web_opener() -> urllib.request.OpenerDirector:
    """Return what opens http and https only; the default one also follows a redirect to ftp."""
    import urllib.request as web

    opener = web.OpenerDirector()
    errors = (web.HTTPDefaultErrorHandler, web.HTTPErrorProcessor, web.UnknownHandler)
    for handler in (web.ProxyHandler, web.HTTPHandler, web.HTTPSHandler, web.HTTPRedirectHandler, *errors):
        opener.add_handler(handler())
    return opener


@contextmanager
def _locked(part: Path) -> Generator[io.FileIO]:
    """Open `part` for appending, as the only one; leave none behind that is empty."""
    with _made("written", part):
        stream = part.open("ab", buffering=0)  # unbuffered, so that nothing is left to fail on closing
    try:
        _lock(part, stream)
        try:
            yield stream
        finally:
            # The lock must still be held, or the file might be somebody else's by now.
            if _LOCKS and _size(stream) == 0:
                part.unlink(missing_ok=True)
    finally:
        with _made("written", part):
            stream.close()


def _lock(part: Path, stream: io.FileIO) -> None:
    if not _LOCKS:
        return
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between opening and locking, another fetch may have finished with this very file.
        ours = os.path.samestat(part.stat(), os.fstat(stream.fileno()))
    except (BlockingIOError, FileNotFoundError):
        ours = False
    except OSError as error:
        raise DownloadError(
            f"{part}: cannot be locked: {error.strerror}; choose a directory on another file system"
        ) from None
    if not ours:
        raise DownloadError(f"{part}: another fetch is writing it; try again when it is done")


def _size(stream: io.FileIO) -> int:
    return os.fstat(stream.fileno()).st_size


def _start_over(stream: io.FileIO) -> int:
    with _made("written", stream.name):
        if _size(stream):
            stream.truncate(0)
    return 0


def _append(stream: io.FileIO, chunk: bytes) -> None:
    left = memoryview(chunk)
    with _made("written", stream.name):
        while left:
            left = left[stream.write(left) :]


@contextmanager
def _made(what: str, path: object) -> Generator[None]:
    """Turn a refusal of the file system into one line."""
    try:
        yield
    except OSError as error:
        hint = "; free some space and fetch again" if error.errno == errno.ENOSPC else ""
        raise DownloadError(f"{path}: cannot be {what}: {error.strerror}{hint}") from None


def _sha256(path: Path) -> str:
    with _made("read", path):
        return hashlib.sha256(path.read_bytes()).hexdigest()


def _in_words(reason: object) -> str:
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return " ".join(str(text).split())

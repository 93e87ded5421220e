"""Against a real server on this machine, with all the ways in which a download goes wrong."""

import errno
import hashlib
import http.server
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from elastance.errors import DownloadError
from elastance.traces.fetch import PUBLIC_FILES, PublicFile, cache_dir, fetch

CONTENT = {"a.csv": bytes(range(256)) * 1000, "b.csv": b"x,y\n1,2\n"}
FILES = tuple(
    PublicFile(name, len(content), hashlib.sha256(content).hexdigest()) for name, content in CONTENT.items()
)


class Server(http.server.ThreadingHTTPServer):
    """Serves `CONTENT`; its attributes say what goes wrong."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.truncations = 0
        self.cut_at = 100_000
        self.damage = False
        self.ranges = True
        self.off_by = 0
        self.page = b""
        self.redirect = ""
        self.statuses: list[int] = []
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/trace"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name, wanted = Path(self.path).name, self.headers["Range"]
        self.server.asked.append((name, wanted))
        if self.server.statuses:
            self.send_error(self.server.statuses.pop(0))
            return
        if self.server.redirect:
            self.send_response(302)
            self.send_header("Location", self.server.redirect)
            self.end_headers()
            return
        if name not in CONTENT:
            self.send_error(404)
            return
        content = self.server.page or CONTENT[name]
        if self.server.damage:
            content = content[:-1] + b"?"
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        start += self.server.off_by if start else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        body = content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.truncations:
            self.server.truncations -= 1
            body = body[: self.server.cut_at]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test output quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_files_arrive_whole_and_once(server: Server, tmp_path: Path) -> None:
    seen: dict[str, tuple[int, int]] = {}
    report = fetch(
        tmp_path / "new" / "cache",
        base_url=server.url,
        files=FILES,
        on_progress=lambda name, done, total: seen.update({name: (done, total)}),
    )
    assert {name: (report.directory / name).read_bytes() for name in names(report.directory)} == CONTENT
    assert seen == {name: (len(content), len(content)) for name, content in CONTENT.items()}
    assert (report.downloaded, report.present) == (("a.csv", "b.csv"), ())
    assert report.bytes_transferred == sum(map(len, CONTENT.values()))
    again = fetch(report.directory, base_url=server.url + "/", files=FILES)
    assert (again.downloaded, again.present, again.bytes_transferred) == ((), ("a.csv", "b.csv"), 0)
    assert len(server.asked) == 2


def test_the_default_destination_is_the_cache(server: Server) -> None:
    assert fetch(base_url=server.url, files=FILES).directory == cache_dir()


def test_force_fetches_again(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path, base_url=server.url, files=FILES)
    assert fetch(tmp_path, base_url=server.url, files=FILES, force=True).downloaded == ("a.csv", "b.csv")


def test_a_damaged_file_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"old")
    assert fetch(tmp_path, base_url=server.url, files=FILES).downloaded == ("a.csv", "b.csv")
    assert (tmp_path / "b.csv").read_bytes() == CONTENT["b.csv"]


def test_a_truncated_body_is_taken_up_where_it_broke_off(server: Server, tmp_path: Path) -> None:
    server.truncations = 2
    report = fetch(tmp_path, base_url=server.url, files=FILES[:1])
    assert [wanted for _, wanted in server.asked] == [None, "bytes=100000-", "bytes=200000-"]
    assert report.bytes_transferred == len(CONTENT["a.csv"])
    assert names(tmp_path) == ["a.csv"]


def test_after_the_last_attempt_the_next_call_resumes(server: Server, tmp_path: Path) -> None:
    server.truncations = 2
    with pytest.raises(
        DownloadError, match=r"a\.csv: broke off after 200,000 of 256,000 bytes; tried 2 times"
    ):
        fetch(tmp_path, base_url=server.url, files=FILES[:1], attempts=2)
    assert names(tmp_path) == ["a.csv.part"]
    report = fetch(tmp_path, base_url=server.url, files=FILES[:1])
    assert report.bytes_transferred == 56_000
    assert names(tmp_path) == ["a.csv"]


def test_a_server_that_does_not_resume_starts_over(server: Server, tmp_path: Path) -> None:
    server.truncations, server.ranges = 1, False
    report = fetch(tmp_path, base_url=server.url, files=FILES[:1])
    assert report.bytes_transferred == 100_000 + 256_000
    assert (tmp_path / "a.csv").read_bytes() == CONTENT["a.csv"]


def test_an_answer_that_goes_on_from_elsewhere_is_not_appended(server: Server, tmp_path: Path) -> None:
    server.truncations, server.off_by = 1, 7
    fetch(tmp_path, base_url=server.url, files=FILES[:1])
    assert [wanted for _, wanted in server.asked] == [None, "bytes=100000-", None]
    assert (tmp_path / "a.csv").read_bytes() == CONTENT["a.csv"]


def test_a_page_in_place_of_the_file_costs_nothing_that_is_there(server: Server, tmp_path: Path) -> None:
    server.page, server.ranges = b"<html>Please log in</html>", False
    with pytest.raises(DownloadError, match="not the published file: it has 26 bytes instead of 256,000"):
        fetch(tmp_path, base_url=server.url, files=FILES[:1])
    assert names(tmp_path) == []
    (tmp_path / "a.csv.part").write_bytes(CONTENT["a.csv"][:1000])
    with pytest.raises(DownloadError, match="it has 26 bytes"):
        fetch(tmp_path, base_url=server.url, files=FILES[:1])
    server.page, server.ranges = b"", True
    assert fetch(tmp_path, base_url=server.url, files=FILES[:1]).bytes_transferred == 255_000


@pytest.mark.parametrize("size", [1000, 256_000])
def test_a_part_of_something_else_is_fetched_anew(server: Server, tmp_path: Path, size: int) -> None:
    (tmp_path / "a.csv.part").write_bytes(b"y" * size)
    fetch(tmp_path, base_url=server.url, files=FILES[:1])
    assert names(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_bytes() == CONTENT["a.csv"]


def test_a_wrong_file_is_fetched_anew_only_once(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.csv.part").write_bytes(b"y" * 1000)
    server.damage = True
    with pytest.raises(DownloadError, match="not the published file: expected SHA-256"):
        fetch(tmp_path, base_url=server.url, files=FILES[:1])
    assert len(server.asked) == 2
    assert names(tmp_path) == []


def test_a_part_that_cannot_be_continued_is_dropped(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.csv.part").write_bytes(b"y" * 5)
    server.statuses = [416]
    fetch(tmp_path, base_url=server.url, files=FILES[:1])
    assert [wanted for _, wanted in server.asked] == ["bytes=5-", None]
    (tmp_path / "b.csv.part").write_bytes(b"y" * 500)
    fetch(tmp_path, base_url=server.url, files=FILES[1:])
    assert (tmp_path / "b.csv").read_bytes() == CONTENT["b.csv"]


@pytest.mark.parametrize("there_before", [False, True])
def test_a_wrong_checksum_changes_nothing(server: Server, tmp_path: Path, there_before: bool) -> None:
    if there_before:
        fetch(tmp_path, base_url=server.url, files=FILES[:1])
    server.damage = True
    with pytest.raises(
        DownloadError, match=rf"not the published file: expected SHA-256 {FILES[0].sha256}, got"
    ):
        fetch(tmp_path, base_url=server.url, files=FILES[:1], force=True)
    assert names(tmp_path) == (["a.csv"] if there_before else [])
    if there_before:
        assert (tmp_path / "a.csv").read_bytes() == CONTENT["a.csv"]


def test_a_server_in_trouble_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.statuses = [503, 500]
    assert fetch(tmp_path, base_url=server.url, files=FILES[:1]).downloaded == ("a.csv",)
    server.statuses = [503] * 3
    with pytest.raises(DownloadError, match=r"HTTP 503 Service Unavailable; tried 3 times"):
        fetch(tmp_path, base_url=server.url, files=FILES[:1], force=True)


@pytest.mark.parametrize("status", [403, 404])
def test_a_file_that_is_refused_is_not_asked_for_again(server: Server, tmp_path: Path, status: int) -> None:
    server.statuses = [status]
    with pytest.raises(DownloadError, match=rf"a\.csv: HTTP {status} (Forbidden|Not Found)$"):
        fetch(tmp_path, base_url=server.url, files=FILES)
    assert len(server.asked) == 1
    assert names(tmp_path) == []


def test_what_came_before_a_failure_stays(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"c\.csv: HTTP 404 Not Found"):
        fetch(tmp_path, base_url=server.url, files=[*FILES, PublicFile("c.csv", 1, "0" * 64)])
    assert names(tmp_path) == ["a.csv", "b.csv"]


def test_ctrl_c_keeps_the_part_only(server: Server, tmp_path: Path) -> None:
    def interrupt(name: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, base_url=server.url, files=FILES[:1], on_progress=interrupt)
    assert names(tmp_path) == ["a.csv.part"]
    arrived = (tmp_path / "a.csv.part").stat().st_size
    assert arrived > 0
    report = fetch(tmp_path, base_url=server.url, files=FILES[:1])
    assert report.bytes_transferred == 256_000 - arrived


def test_only_one_at_a_time_writes_a_part(server: Server, tmp_path: Path) -> None:
    def second(name: str, done: int, total: int) -> None:
        with pytest.raises(DownloadError, match="another fetch is writing it"):
            fetch(tmp_path, base_url=server.url, files=FILES[:1])

    fetch(tmp_path, base_url=server.url, files=FILES[:1], on_progress=second)
    assert names(tmp_path) == ["a.csv"]


def test_fetches_at_the_same_moment_leave_good_files(server: Server, tmp_path: Path) -> None:
    refusals: list[str] = []
    together = threading.Barrier(6)

    def one_of_many() -> None:
        together.wait()
        try:
            fetch(tmp_path, base_url=server.url, files=FILES, force=True)
        except DownloadError as error:
            refusals.append(str(error))

    threads = [threading.Thread(target=one_of_many) for _ in range(together.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refusals) < len(threads)
    assert all("another fetch is writing it" in refusal for refusal in refusals)
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == CONTENT


def test_a_file_system_without_locks_is_named_as_such(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(DownloadError, match="cannot be locked: No locks available; choose a directory"):
        fetch(tmp_path, base_url=server.url, files=FILES)


def test_a_system_that_knows_no_locks(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elastance.traces.fetch._LOCKS", False)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    fetch(tmp_path, base_url=server.url, files=FILES)
    assert names(tmp_path) == ["a.csv", "b.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("file", FILES, ids=["many bytes", "few bytes"])
def test_a_full_disk(server: Server, tmp_path: Path, file: PublicFile) -> None:
    (tmp_path / f"{file.name}.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"\.part: cannot be written: No space left on device; free some"):
        fetch(tmp_path, base_url=server.url, files=[file])
    assert not (tmp_path / file.name).exists()


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DownloadError, match=r"a\.csv: timed out; tried 2 times$"):
            fetch(tmp_path, base_url=url, files=FILES, timeout_s=0.05, attempts=2)
    assert names(tmp_path) == []


def test_no_server(tmp_path: Path) -> None:
    closed = Server()
    url = closed.url
    closed.server_close()
    with pytest.raises(DownloadError, match="cannot be reached: Connection refused; check the network"):
        fetch(tmp_path, base_url=url, files=FILES)


@pytest.mark.parametrize("url", ["file:///etc", "ftp://host/trace", "trace"])
def test_other_addresses_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="only http:// and https://"):
        fetch(tmp_path, base_url=url)


@pytest.mark.parametrize(
    "url",
    ["http://host:port/trace", "http://host:99999", "http://[host/trace", "http://höst/", "http://host/a b"],
)
def test_addresses_that_are_none_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="no usable address"):
        fetch(tmp_path, base_url=url)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("elsewhere", "says"),
    [
        ("ftp://127.0.0.1/a.csv", "unknown url type: ftp"),
        ("file:///a.csv", "is not allowed"),
        ("http://[host/a.csv", "leads to no usable address"),
    ],
)
def test_redirects_off_the_web_are_not_followed(
    server: Server, tmp_path: Path, elsewhere: str, says: str
) -> None:
    server.redirect = elsewhere
    with pytest.raises(DownloadError, match=says):
        fetch(tmp_path, base_url=server.url, files=FILES)


def test_who_does_not_download_does_not_load_the_network() -> None:
    program = "import elastance.traces.fetch, sys; print('urllib.request' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout == "False\n"


def test_a_destination_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot be created: Not a directory"):
        fetch(tmp_path / "file" / "cache")


@pytest.mark.skipif(which("openssl") is None, reason="needs openssl to make a certificate")
def test_a_certificate_nobody_vouches_for(server: Server, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", "/CN=localhost", "-days", "1", "-keyout", str(key), "-out", str(certificate),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with pytest.raises(DownloadError, match="no secure connection: .*certificate"):
        fetch(tmp_path / "cache", base_url=server.url.replace("http:", "https:"), files=FILES)


def test_the_public_files_are_what_is_published(public_traces: Path) -> None:
    for file in PUBLIC_FILES:
        content = (public_traces / file.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size_bytes, file.sha256)

"""Against a real server on this machine, with all the ways in which a download goes wrong."""

import hashlib
import http.server
import ssl
import subprocess
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
        if name not in CONTENT:
            self.send_error(404)
            return
        content = CONTENT[name]
        if self.server.damage:
            content = content[:-1] + b"?"
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
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


def test_a_file_that_is_not_there_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    missing = PublicFile("c.csv", 1, "0" * 64)
    with pytest.raises(DownloadError, match=r"c\.csv: HTTP 404 Not Found"):
        fetch(tmp_path, base_url=server.url, files=[missing])
    assert len(server.asked) == 1


def test_ctrl_c_keeps_the_part_only(server: Server, tmp_path: Path) -> None:
    def interrupt(name: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, base_url=server.url, files=FILES[:1], on_progress=interrupt)
    assert names(tmp_path) == ["a.csv.part"]
    report = fetch(tmp_path, base_url=server.url, files=FILES[:1])
    assert 0 < report.bytes_transferred < 256_000


def test_only_one_at_a_time_writes_a_part(server: Server, tmp_path: Path) -> None:
    def second(name: str, done: int, total: int) -> None:
        with pytest.raises(DownloadError, match="another fetch is writing it"):
            fetch(tmp_path, base_url=server.url, files=FILES[:1])

    fetch(tmp_path, base_url=server.url, files=FILES[:1], on_progress=second)
    assert names(tmp_path) == ["a.csv"]


def test_no_server(server: Server, tmp_path: Path) -> None:
    closed = Server()
    url = closed.url
    closed.server_close()
    with pytest.raises(DownloadError, match="cannot be reached: Connection refused; check the network"):
        fetch(tmp_path, base_url=url, files=FILES)


@pytest.mark.parametrize("url", ["file:///etc", "ftp://host/trace", "trace"])
def test_other_addresses_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="only http:// and https://"):
        fetch(tmp_path, base_url=url)


def test_a_destination_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot be created: Not a directory"):
        fetch(tmp_path / "file" / "cache")


@pytest.mark.skipif(which("openssl") is None, reason="needs openssl to make a certificate")
def test_a_certificate_nobody_vouches_for(server: Server, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1",
            "-keyout", str(key), "-out", str(certificate),
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

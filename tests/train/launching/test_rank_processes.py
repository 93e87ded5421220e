"""Processes that are ranks; none of these imports PyTorch, so they are quick."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from elastance.errors import CommandMissingError, CommandUnusableError, InputError
from elastance.train.launching import InterruptedJob, JobEnd, RankFailure, RankProcess, started_ranks

pytest.importorskip("torch")

RANKS = [RankProcess(f"{rank} made-up", {"OWN": str(rank)}) for rank in range(2)]


def run(script: str, directory: Path, command: list[str] | None = None) -> JobEnd:
    with started_ranks(command or [sys.executable, "-c", script], RANKS, directory) as running:
        return running.until_ended()


def test_ranks_know_who_they_are_and_their_lines_are_told_apart(tmp_path: Path, capfd, monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    script = (
        "import os, sys; e = os.environ;"
        "print(e['RANK'], e['LOCAL_RANK'], e['WORLD_SIZE'], e['MASTER_ADDR'], e['OWN'], e['OMP_NUM_THREADS']);"
        "print('oops', file=sys.stderr)"
    )
    assert run(script, tmp_path) == JobEnd()
    out, err = capfd.readouterr()
    assert sorted(out.splitlines()) == [
        "[0 made-up] 0 0 2 127.0.0.1 0 7",
        "[1 made-up] 1 1 2 127.0.0.1 1 7",
    ]
    assert sorted(err.splitlines()) == ["[0 made-up] oops", "[1 made-up] oops"]


WAITING = "import os, sys, time\nif os.environ['RANK'] == '0':\n    time.sleep(600)\n"


def test_a_rank_that_fails_ends_the_others(tmp_path: Path) -> None:
    end = run(WAITING + "raise ValueError('no such thing')", tmp_path)
    assert end == JobEnd(RankFailure(1, 1, None, "ValueError: no such thing"))
    end = run(WAITING + "sys.exit(3)", tmp_path)
    assert end == JobEnd(RankFailure(1, 3, None, None))


def test_a_rank_that_is_killed_ends_the_others(tmp_path: Path) -> None:
    script = "print('on my way', file=sys.stderr); print(file=sys.stderr); os.kill(os.getpid(), 9)"
    end = run(WAITING + script, tmp_path)
    assert end == JobEnd(RankFailure(1, 137, "SIGKILL", "on my way"))


def test_what_a_library_says_at_the_end_is_not_the_reason(tmp_path: Path) -> None:
    script = (
        "print('[rank1]: a.b.OutOfMemoryError: no more\\n[rank1]:[W621] bye', file=sys.stderr); sys.exit(1)"
    )
    failure = run(WAITING + script, tmp_path).failure
    assert failure is not None
    assert failure.last_words == "a.b.OutOfMemoryError: no more"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_all_ranks_and_handlers_are_as_before(tmp_path: Path, name: str) -> None:
    number = signal.Signals[name]
    before = signal.getsignal(number)
    script = (
        "import os, time; open(f'{os.environ[\"RANK\"]}.pid', 'w').write(str(os.getpid())); time.sleep(600)"
    )
    pids = [tmp_path / f"{rank}.pid" for rank in range(2)]

    def strike() -> None:
        if all(pid.exists() and pid.read_text() for pid in pids):
            signal.raise_signal(number)

    command = ["sh", "-c", f'cd {tmp_path} && exec "$0" "$@"', sys.executable, "-c", script]
    with (
        pytest.raises(InterruptedJob) as stopped,
        started_ranks(command, RANKS, tmp_path / "logs") as running,
    ):
        running.until_ended(strike)
    assert stopped.value.number == number
    assert signal.getsignal(number) == before
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)


def test_commands_that_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(CommandMissingError, match="no-such-program: command not found"):
        run("", tmp_path, ["no-such-program"])
    (tmp_path / "text").write_text("text")
    with pytest.raises(CommandUnusableError, match="text: cannot be executed: Permission denied"):
        run("", tmp_path, [str(tmp_path / "text")])


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = pytest.raises(InputError, match=f"port {port} of 127.0.0.1 is taken")
        with refused, started_ranks(["true"], RANKS, tmp_path, port=port):
            pass


def test_ranks_that_leave_by_agreement_wait_for_nobody_and_are_not_hurried(tmp_path: Path, capfd) -> None:
    leaving = (
        "import os, sys, time\n"
        "if os.environ['RANK'] == '1':\n"
        "    while os.getppid() and not os.path.exists('{0}'): time.sleep(0.01)\n"
        "    print('last words')\n"
        "else:\n"
        "    open('{0}', 'w')\n"
        "sys.exit(75)\n"
    ).format(tmp_path / "leaving")
    with started_ranks([sys.executable, "-c", leaving], RANKS, tmp_path / "logs") as running:
        assert len(running.pids) == 2
        assert running.until_ended(leaving=75) == JobEnd(left=True)
    assert capfd.readouterr().out == "[1 made-up] last words\n"
    end = run(WAITING + "sys.exit(75)", tmp_path)
    assert end == JobEnd(RankFailure(1, 75, None, None))


def test_a_killed_rank_is_to_blame_rather_than_one_that_misses_it(tmp_path: Path) -> None:
    parted = (
        "import os, sys, time\n"
        "if os.environ['RANK'] == '0':\n"
        "    raise ConnectionError('closed by peer')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    with started_ranks([sys.executable, "-c", parted], RANKS, tmp_path) as running:
        for pid in running.pids:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        end = running.until_ended()
    assert end == JobEnd(RankFailure(1, 137, "SIGKILL", None))

"""Start the ranks of a job as processes, and end them all when one fails or a signal comes.

PyTorch's own process starter does it (`torch.distributed.elastic.multiprocessing`, what torchrun stands on): each
rank in a session of its own, its output shown with its name in front, SIGTERM before SIGKILL. The ranks meet at a
store that the launcher keeps, so that no port is chosen that somebody else could take before a rank listens.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import re
import shutil
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastance.errors import CommandMissingError, CommandUnusableError, InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

_HOST = "127.0.0.1"
_POLL_S = 0.05
_LEAVING_S = 30.0
"""How long ranks that leave by agreement may take after the first of them has."""
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")

_PREFIX = re.compile(r"^\[rank\d+\]:\s?")
"""What PyTorch puts before the lines of a traceback."""

_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)\b(:|$)")


@dataclass(frozen=True)
class RankProcess:
    """How one rank is started.

    Attributes:
        label: Stands in front of every line it prints.
        environment: Variables of its own, besides those that make it a rank.
    """

    label: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class RankFailure:
    """A rank that ended otherwise than it should.

    Attributes:
        rank: Which rank; the first that ended.
        exit_status: Its exit status; 128 + n if signal n killed it, as shells have it.
        signal: Name of the signal that killed it; None if none did.
        last_words: The exception it ended with, else the last line it wrote to standard error; None if it wrote none.
    """

    rank: int
    exit_status: int
    signal: str | None
    last_words: str | None


@dataclass(frozen=True)
class JobEnd:
    """How a job ended.

    Attributes:
        failure: The rank that failed first; None if none did.
        left: Whether ranks left by agreement, before their work was done.
    """

    failure: RankFailure | None = None
    left: bool = False


class InterruptedJob(Exception):  # noqa: N818 (no error: somebody wants it to end)
    """A signal asked the job to end; all ranks are told.

    Attributes:
        number: Number of the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


class RunningRanks:
    """Ranks that have been started."""

    def __init__(self, context: Any) -> None:  # noqa: ANN401 (PyTorch is optional)
        self._context = context

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids, by rank."""
        return tuple(pid for _, pid in sorted(self._context.pids().items()))

    def until_ended(self, look: Callable[[], None] | None = None, *, leaving: int | None = None) -> JobEnd:
        """Wait until all ranks have ended, or one has failed; then all others are ended.

        Args:
            look: Called every now and then while they run.
            leaving: An exit status that is no failure: ranks leave with it by agreement, and wait for nobody.
        """
        let_leave_until_s: float | None = None
        while True:
            statuses: list[int | None] = [
                one.proc.poll() for one in self._context.subprocess_handlers.values()
            ]
            left = leaving is not None and leaving in statuses
            if left and None in statuses:
                # PyTorch would end the others at once, whose last lines may matter to the script.
                let_leave_until_s = let_leave_until_s or time.monotonic() + _LEAVING_S
            if not (left and None in statuses) or time.monotonic() > (let_leave_until_s or 0.0):
                result = self._context.wait(timeout=0)
                if result is not None:
                    return JobEnd(left=True) if left else _ended(result, statuses)
            if look is not None:
                look()
            time.sleep(_POLL_S)


def _ended(result: Any, statuses: Sequence[int | None]) -> JobEnd:  # noqa: ANN401
    """How a job ended, of which these ranks had ended by themselves before the others were ended."""
    failed: dict[int, int] = {rank: failure.exitcode for rank, failure in result.failures.items()}
    if not failed:
        return JobEnd()
    first = [rank for rank in failed if statuses[rank] is not None] or list(failed)[:1]
    # One that was killed takes others with it, which lose their connection at the same moment.
    rank = next((rank for rank in first if failed[rank] < 0), first[0])
    status = failed[rank]
    killed_by = signal.Signals(-status).name if status < 0 else None
    words = _last_words(Path(result.stderrs[rank]))
    return JobEnd(RankFailure(rank, status if status >= 0 else 128 - status, killed_by, words))


def check_torch() -> None:
    """Refuse to launch what cannot run.

    Raises:
        MissingExtraError: PyTorch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("launching a training script", "torch")


def check_command(command: Sequence[str]) -> None:
    """Refuse a command that cannot be started, before anything is.

    Raises:
        CommandMissingError: There is no such program.
        CommandUnusableError: It cannot be executed.
    """
    program = command[0]
    if shutil.which(program) is not None:
        return
    if os.sep in program and Path(program).exists():
        raise CommandUnusableError(f"{program}: cannot be executed: Permission denied")
    raise CommandMissingError(f"{program}: command not found")


@contextmanager
def started_ranks(
    command: Sequence[str], ranks: Sequence[RankProcess], log_directory: Path, *, port: int = 0
) -> Generator[RunningRanks]:
    """Start a command once per rank; whatever way the block is left, no rank is alive afterwards.

    Call it in the main thread: Ctrl-C, SIGTERM, SIGHUP and SIGQUIT raise `InterruptedJob` within the block.

    Args:
        command: Program and arguments, the same for all ranks.
        ranks: All ranks, on this machine.
        log_directory: An empty directory for what they print.
        port: Where they meet on this machine; 0 for any that is free.

    Raises:
        MissingExtraError: PyTorch is not installed.
        InputError: The port is taken.
        CommandMissingError: There is no such program.
        CommandUnusableError: It cannot be executed.
        InterruptedJob: A signal came; the ranks have been ended with it.
    """
    check_torch()
    check_command(command)
    starter: Any = importlib.import_module("torch.distributed.elastic.multiprocessing")
    signalled: type[BaseException] = starter.SignalException
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # everything is said here
    store = _store(port)
    environments = {
        rank: _environment(rank, len(ranks), store.port) | dict(one.environment)
        for rank, one in enumerate(ranks)
    }
    context: Any = None
    with _own_handlers():
        try:
            context = starter.start_processes(
                "rank",
                command[0],
                dict.fromkeys(range(len(ranks)), tuple(command[1:])),
                environments,
                starter.DefaultLogsSpecs(str(log_directory), tee=starter.Std.ALL),
                {rank: f"[{one.label}] " for rank, one in enumerate(ranks)},
            )
            yield RunningRanks(context)
        except OSError as error:
            if context is not None:
                raise
            raise CommandUnusableError(f"{command[0]}: cannot be executed: {error.strerror}") from error
        except signalled as stop:
            number: signal.Signals = getattr(stop, "sigval")  # noqa: B009 (its class is known at run time only)
            if context is not None:
                _close(context, number, signalled)
            raise InterruptedJob(number) from None
        finally:
            if context is not None:
                _close(context, signal.SIGTERM, signalled)


def _close(context: Any, number: signal.Signals, interruption: type[BaseException]) -> None:  # noqa: ANN401
    try:
        context.close(number)
    except interruption:  # asked twice: at once
        context.close(signal.SIGKILL)
    # It closes the files of those it ends, not of those that have ended by themselves.
    for rank in context.subprocess_handlers.values():
        for file in (getattr(rank, "_stdout", None), getattr(rank, "_stderr", None)):
            if file is not None:
                file.close()


def _store(port: int) -> Any:  # noqa: ANN401
    distributed: Any = importlib.import_module("torch.distributed")
    try:
        return distributed.TCPStore(_HOST, port, is_master=True, wait_for_workers=False)
    except distributed.DistNetworkError:
        raise InputError(
            f"port {port} of {_HOST} is taken: name another, or none to have a free one"
        ) from None


def _environment(rank: int, ranks: int, port: int) -> dict[str, str]:
    environment = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "GROUP_RANK": 0,
        "WORLD_SIZE": ranks,
        "LOCAL_WORLD_SIZE": ranks,
        "MASTER_ADDR": _HOST,
        "MASTER_PORT": port,
        "TORCHELASTIC_USE_AGENT_STORE": True,
        "TORCHELASTIC_RUN_ID": "elastance",
        "TORCHELASTIC_RESTART_COUNT": 0,
        "PYTHONUNBUFFERED": 1,  # lines show when they are printed
    }
    if "OMP_NUM_THREADS" not in os.environ:
        environment["OMP_NUM_THREADS"] = max(1, (os.cpu_count() or 1) // ranks)
    return {name: str(value) for name, value in environment.items()}


@contextmanager
def _own_handlers() -> Generator[None]:
    """Let PyTorch handle signals while the block runs, but for those that are ignored (nohup); then as before."""
    handlers = {
        number: signal.getsignal(number) for name in _SIGNALS if (number := getattr(signal, name, None))
    }
    handled = [number.name for number, handler in handlers.items() if handler is not signal.SIG_IGN]
    former = os.environ.get("TORCHELASTIC_SIGNALS_TO_HANDLE")
    os.environ["TORCHELASTIC_SIGNALS_TO_HANDLE"] = ",".join(handled)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if handler is not None:
                signal.signal(number, handler)
        if former is None:
            os.environ.pop("TORCHELASTIC_SIGNALS_TO_HANDLE", None)
        else:
            os.environ["TORCHELASTIC_SIGNALS_TO_HANDLE"] = former


def _last_words(log: Path) -> str | None:
    """The line that names the exception, where there is one: libraries have more to say while a process ends."""
    try:
        lines = [_PREFIX.sub("", line).strip() for line in log.read_text("utf-8", "replace").splitlines()]
    except OSError:
        return None
    said = [line for line in reversed(lines) if line]
    return next((line for line in said if _EXCEPTION.match(line)), said[0] if said else None)

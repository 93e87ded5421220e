"""Processes that train what they are asked to, started once and told step by step."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from elastance.errors import InputError, MissingExtraError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from elastance.elastic.measuring.task import Model, StepTiming, Task

_PATIENCE_S = 600.0
"""How long an answer may take."""


class Gang:
    """The processes of one process group.

    All are asked at once, and all answer before the next question. Made by `started`.
    """

    def __init__(self, processes: Sequence[BaseProcess], pipes: Sequence[Connection]) -> None:
        self._processes, self._pipes = processes, pipes

    def steps(self, model: Model, task: Task, count: int) -> list[list[StepTiming]]:
        """Train so many steps; per process that takes part, in order of rank, a timing per step."""
        return [answer for answer in self.ask("steps", model, task, count) if answer is not None]

    def ask(self, what: str, *arguments: Any) -> list[Any]:  # noqa: ANN401
        """Ask every process; their answers, in order of rank.

        Raises:
            InputError: A process refused what it was asked.
            WorkerError: A process failed, died, or did not answer in ten minutes.
        """
        for rank, pipe in enumerate(self._pipes):
            try:
                pipe.send((what, arguments))
            except OSError:
                raise WorkerError(f"process {rank} died before it was asked for {what}") from None
        return [self._answer(rank, what) for rank in range(len(self._pipes))]

    def _answer(self, rank: int, what: str) -> Any:  # noqa: ANN401
        pipe = self._pipes[rank]
        try:
            if not pipe.poll(_PATIENCE_S):
                raise WorkerError(f"process {rank} did not answer for {_PATIENCE_S:g} s, asked for {what}")
            kind, answer = cast("tuple[str, Any]", pipe.recv())
        except (EOFError, OSError):
            self._processes[rank].join(5)
            status = self._processes[rank].exitcode
            raise WorkerError(f"process {rank} died with status {status}, asked for {what}") from None
        if kind == "refused":
            raise InputError(str(answer))
        if kind == "failed":
            raise WorkerError(f"process {rank} failed, asked for {what}: {answer}")
        return answer


@contextmanager
def started(environments: Sequence[Mapping[str, str]], *, core: int | None = None) -> Generator[Gang]:
    """Start a process per environment, as a gloo group, and end them afterwards.

    Args:
        environments: Variables that each process sees besides ours, before it imports PyTorch.
        core: Let all of them share this one core; None for all cores.

    Raises:
        MissingExtraError: PyTorch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("measuring elastic training", "torch")
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes: list[BaseProcess] = []
    with tempfile.TemporaryDirectory(prefix="elastance-") as meeting:
        store = str(Path(meeting) / "store")
        try:
            for rank, variables in enumerate(environments):
                ours, theirs = context.Pipe()
                process = context.Process(
                    target=_serve, args=(theirs, rank, len(environments), store, core), daemon=True
                )
                with _seeing({"OMP_NUM_THREADS": "1", **variables}):
                    process.start()
                theirs.close()
                pipes.append(ours)
                processes.append(process)
            yield Gang(processes, pipes)
        except BaseException:
            for process in processes:  # nobody waits for what they are at
                process.kill()
            raise
        finally:
            for pipe in pipes:
                pipe.close()  # which tells them to end
            for process in processes:
                process.join(5)
                if process.is_alive():
                    process.kill()
                    process.join()


def alone(count: int) -> list[dict[str, str]]:
    """Return the environments of `count` processes that see no more than we do."""
    return [{} for _ in range(count)]


def require_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        InputError: It is neither ``"cpu"`` nor ``"cuda"``, or PyTorch has no CUDA device.
        MissingExtraError: PyTorch is not installed.
    """
    if device not in ("cpu", "cuda"):
        raise InputError(f"device {device!r}: expected cpu or cuda")
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("measuring elastic training", "torch")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError(
                f"device cuda: PyTorch {torch.__version__} finds no CUDA device on this machine; use cpu"
            )


@contextmanager
def _seeing(variables: Mapping[str, str]) -> Generator[None]:
    """Processes started in the block see `variables`; libraries read them before any of our code runs."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe: Connection, rank: int, world: int, store: str, core: int | None) -> None:
    """Answer until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asks ends us
    try:
        answers: dict[str, Callable[..., Any]] | None = None
        while True:
            what, arguments = cast("tuple[str, tuple[Any, ...]]", pipe.recv())
            if answers is None:
                from elastance.elastic.measuring import process

                if core is not None and hasattr(os, "sched_setaffinity"):
                    os.sched_setaffinity(0, {core})  # only now: PyTorch is imported on all of them
                answers = process.answers(rank, world, store)
            pipe.send(("done", answers[what](*arguments)))
    except EOFError:
        pass
    except InputError as error:
        _tell(pipe, "refused", str(error))
    except Exception as error:
        _tell(pipe, "failed", f"{type(error).__name__}: {error}")
    os._exit(0)  # gloo's threads abort or hang a process that leaves by the door


def _tell(pipe: Connection, kind: str, what: str) -> None:
    with suppress(OSError):  # nobody may listen any longer
        pipe.send((kind, what))

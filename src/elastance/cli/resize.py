"""`elastance resize`: other executors for a running elastic job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from elastance.cli import options  # noqa: TC001 (Typer needs the types of options at run time)

if TYPE_CHECKING:
    from elastance.elastic.launching import JobStatus

_Job = Annotated[
    str,
    typer.Argument(
        metavar="JOB",
        help="Its name, directory, directory of checkpoints, or the launcher's process id.",
        show_default=False,
    ),
]
_Executors = Annotated[
    int | None,
    typer.Option(help="So many executors; 0 saves the job and ends it.", min=0, show_default=False),
]
_Placement = Annotated[
    str | None,
    typer.Option(metavar="AxB|A:b+b", help="Who hosts how many instead, as in 3:2+1+1.", show_default=False),
]
_NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait until the new executors train.")]


def resize(
    job: _Job,
    executors: _Executors = None,
    placement: _Placement = None,
    no_wait: _NoWait = False,
    as_json: options.Json = False,
) -> None:
    """Give a running elastic job other executors; not a bit of its result changes.

    The job, started by `elastance launch --workers`, makes a checkpoint after its current global step, its
    executors leave, and others go on from there. The number of logical workers stays what it is.

    \b
    Examples:
      elastance resize train --executors 4
      elastance resize train --placement 3:2+1+1
      elastance resize train --executors 0        (saved; the same launch goes on from there)
      elastance resize 4711 --executors 1 --no-wait

    Exit status: 0 done, 1 the job ended before that or somebody else's resize came after this one, 2 bad input or
    no such job is running.
    """  # noqa: D301
    from elastance.cli.output import print_json, say, waiting
    from elastance.elastic.launching import resize as ask
    from elastance.elastic.launching import wait_until_resized
    from elastance.errors import InputError

    if (executors is None) == (placement is None):
        raise InputError("give --executors N or --placement, one of both")
    directory, plan = ask(job, executors=executors, placement=placement)
    if no_wait:
        status = directory.read_status()
        if not as_json:
            say(f"asked; job {directory.path.name!r} follows after its current global step")
    else:
        with waiting(f"resizing {directory.path.name}") as tell:
            status = wait_until_resized(directory, plan, lambda now: tell(_progress(now)))
        if not as_json:
            say(_describe(status))
    if as_json and status is not None:
        print_json(status.to_json())


def _progress(status: JobStatus) -> str:
    return status.state.value if status.step is None else f"{status.state.value}, global step {status.step}"


def _describe(status: JobStatus) -> str:
    if status.state == "suspended":
        return f"job {status.name!r} is {status.state.value} after global step {status.step}"
    return f"job {status.name!r} trains on placement {status.placement}, from global step {status.step} on"

"""`elastance policies`: what can decide."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def policies(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List every registered policy: its kind, what it does, and which is the default; schedulers of clusters too.

    A policy is named on the command line by its name here, or as package.module:Class for one of your own; two
    are joined with '+', for example thompson+max-power.

    \b
    Examples:
      elastance policies
      elastance policies --json
    """  # noqa: D301
    from elastance.policies import registered_policies
    from elastance.scheduling import registered_schedulers

    infos, schedulers = registered_policies(), registered_schedulers()
    if as_json:
        document = {
            "default": next(info.name for info in infos if info.is_default),
            "policies": [
                {
                    "name": info.name,
                    "kind": info.kind.value,
                    "summary": info.summary,
                    "default": info.is_default,
                    "origin": info.origin or "elastance",
                }
                for info in infos
            ],
            "schedulers": [
                {"name": info.name, "summary": info.summary, "origin": info.origin or "elastance"}
                for info in schedulers
            ],
        }
        print(json.dumps(document, indent=2))
        return

    from rich.table import Table

    from elastance.cli.output import console

    table = Table("policy", "kind", "what it does", box=None, pad_edge=False, header_style="bold")
    for info in infos:
        name = f"{info.name} (default)" if info.is_default else info.name
        origin = f" [{info.origin}]" if info.origin else ""
        table.add_row(name, info.kind.value, info.summary + origin)
    for info in schedulers:
        origin = f" [{info.origin}]" if info.origin else ""
        table.add_row(info.name, "cluster", info.summary.rstrip(".") + origin)
    console().print(table)

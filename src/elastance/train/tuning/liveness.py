"""Who makes a run, and whether that process still lives."""

from __future__ import annotations

import json
import socket

from elastance.errors import NotSupportedError
from elastance.measure.limit_records import Process, is_alive, this_process

LEASE_S = 600.0
"""A run that nobody here can ask about and that was not heard of for so long counts as killed."""


def this_runner() -> str:
    """Return what a run notes about the process that makes it."""
    return json.dumps([socket.gethostname(), *(_this_process() or ())])


def is_dead(runner: str, heartbeat_s: float, now_s: float) -> bool:
    """Return whether the process that makes a run is gone; where nobody here can tell, whether it fell silent."""
    host, *fields = json.loads(runner)
    here = _this_process()
    if fields and here is not None:
        process = Process(*fields)
        same_ids = process.namespace == here.namespace
        if same_ids and process.boot_id == here.boot_id:
            return not is_alive(process)
        if same_ids and host == socket.gethostname():
            return True  # this machine was started anew since
    return now_s - heartbeat_s > LEASE_S


def _this_process() -> Process | None:
    """None where the system does not tell processes apart for certain."""
    try:
        return this_process()
    except NotSupportedError:
        return None

"""Looks after a script while it runs: says that it lives, and stops it when it has cost as much as it may."""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import TYPE_CHECKING

from elastance.errors import ElastanceError
from elastance.measure.child import run_child, signal_group

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

    from elastance.cost import EtaCost
    from elastance.measure import EnergyMeter

_logger = logging.getLogger(__name__)

_LOOK_S = 0.05
"""How often to see whether a script that was told to stop is gone."""


class Watch:
    """Runs one script under watch.

    Args:
        meter: What measures it.
        cost: What it costs.
        threshold_j: Cost at which to stop it, J; None never to.
        alive: Called now and then while it runs.
        grace_s: From SIGTERM to SIGKILL, s.
        poll_s: Between two looks at the cost, s.
        beat_s: Between two calls of `alive`, s.
    """

    def __init__(
        self,
        meter: EnergyMeter,
        cost: EtaCost,
        threshold_j: float | None,
        alive: Callable[[], None],
        *,
        grace_s: float = 30.0,
        poll_s: float = 1.0,
        beat_s: float = 30.0,
    ) -> None:
        self._meter, self._cost, self._threshold_j, self._alive = meter, cost, threshold_j, alive
        self._grace_s, self._poll_s, self._beat_s = grace_s, poll_s, beat_s
        self._over = threading.Event()
        self.stopped = False
        """Whether it was told to stop because of its cost."""

    def run(self, command: Sequence[str], environment: dict[str, str]) -> int:
        """Run a command until it, and what had to be stopped with it, has ended; return its exit status.

        Raises:
            CommandMissingError: There is no such program.
            CommandUnusableError: It cannot be executed.
        """
        threads: list[threading.Thread] = []

        def started(child: subprocess.Popen[bytes]) -> None:
            threads.append(threading.Thread(target=self._beat, daemon=True))
            if self._threshold_j is not None:
                watching = (child, self._threshold_j)
                threads.append(threading.Thread(target=self._stop_at_threshold, args=watching, daemon=True))
            for thread in threads:
                thread.start()

        try:
            return run_child(command, environment, started=started, own_group=True)
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _beat(self) -> None:
        while not self._over.wait(self._beat_s):
            try:
                self._alive()
            except ElastanceError as error:
                _logger.warning("the run could not be shown to be alive: %s", error)

    def _stop_at_threshold(self, child: subprocess.Popen[bytes], threshold_j: float) -> None:
        try:
            reached = self._wait_for(threshold_j)
        except ElastanceError as error:
            _logger.warning("the run is not stopped at its cost threshold any more: %s", error)
            return
        if not reached or self._over.is_set():
            return
        self.stopped = True
        signal_group(child, signal.SIGTERM)
        # The script itself may be gone long before what it started.
        deadline_s = time.monotonic() + self._grace_s
        while signal_group(child, 0):
            if time.monotonic() >= deadline_s:
                signal_group(child, signal.SIGKILL)
                return
            threading.Event().wait(_LOOK_S)

    def _wait_for(self, threshold_j: float) -> bool:
        """Return True once the run has cost so much, False once it is over."""
        energy_j = time_s = 0.0
        while not self._over.is_set():
            with self._meter.window("poll") as window:
                self._over.wait(self._poll_s)
            if window.measurement is not None:
                energy_j += window.measurement.energy_j or 0.0
                time_s += window.measurement.time_s
            if self._cost.of_run(energy_j, time_s) >= threshold_j:
                return True
        return False

"""Read and set the state of NumPy's global generator in microseconds.

NumPy copies the 624 words of its Mersenne Twister one by one through Python objects: 0.08 ms to read and as much to
set, most of what a switch between logical workers took. Copied as one piece of memory they take 0.003 ms.
"""

from __future__ import annotations

import ctypes
import logging
from typing import Any

import numpy as np

_WORDS = 624
_BYTES = 4 * (_WORDS + 1)
"""The words, then the position among them: NumPy's struct, at the address that `MT19937.ctypes` gives."""

_untyped: Any = np.random
"""Its stubs leave out functions that it has had since version 1.24."""

_log = logging.getLogger(__name__)


class QuickMT19937(np.random.MT19937):
    """NumPy's Mersenne Twister, whose `state` is read and set as one piece."""

    def __init__(self) -> None:
        super().__init__(0)
        self._address: int = self.ctypes.state_address

    @property
    def state(self) -> Any:  # noqa: ANN401
        """As of `numpy.random.MT19937.state`."""
        words = np.frombuffer(ctypes.string_at(self._address, _BYTES), np.uint32)
        return {
            "bit_generator": "MT19937",
            "state": {"key": words[:_WORDS], "pos": int(words[_WORDS])},
        }

    @state.setter
    def state(self, value: Any) -> None:  # noqa: ANN401
        words = np.empty(_WORDS + 1, np.uint32)
        words[:_WORDS], words[_WORDS] = value["state"]["key"], value["state"]["pos"]
        ctypes.memmove(self._address, words.ctypes.data, _BYTES)


def quicken() -> None:
    """Let the functions of `numpy.random` draw from a `QuickMT19937`, which goes on where their generator stands.

    Where that is another kind of generator, or lies otherwise in memory, it stays as it is, and is switched slowly.
    """
    # The global generator is what data sets draw from, so it is what a logical worker owns.
    if type(_untyped.get_bit_generator()) is not np.random.MT19937 or not _lies_as_expected():
        _log.debug("NumPy's global generator is switched word by word: %r", _untyped.get_bit_generator())
        return
    before: Any = np.random.get_state()  # noqa: NPY002
    _untyped.set_bit_generator(QuickMT19937())
    np.random.set_state(before)  # noqa: NPY002


def _lies_as_expected() -> bool:
    slow, quick = np.random.MT19937(1), QuickMT19937()
    slow.random_raw(7)
    quick.state = slow.state
    theirs, ours = slow.state["state"], super(QuickMT19937, quick).state["state"]
    return (
        np.array_equal(theirs["key"], ours["key"])
        and theirs["pos"] == ours["pos"] == quick.state["state"]["pos"]
    )

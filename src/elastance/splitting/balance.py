"""The fastest way to hand out units: everybody ends by the same deadline, the earliest there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from elastance.errors import InfeasibleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.splitting.curves import Floats


def fastest_units(times_s: Sequence[Floats], units: int) -> tuple[float, list[int]]:
    """Return the least time in which `units` can be done, s, and a way to hand them out that takes no longer.

    What could be done in that time beyond `units` is taken from whoever is listed first.

    Args:
        times_s: Per GPU, the time for 0, 1, … units, never decreasing, s; infinite for what does not fit.
        units: How many to hand out.

    Raises:
        InfeasibleError: They do not fit.
    """
    kinds = {id(of): of for of in times_s}
    deadlines = np.unique(np.concatenate([of[np.isfinite(of)] for of in kinds.values()]))

    def most(deadline: float) -> list[int]:
        reach = {key: int(np.searchsorted(of, deadline, side="right")) - 1 for key, of in kinds.items()}
        return [min(units, reach[id(of)]) for of in times_s]

    if sum(most(deadlines[-1])) < units:
        raise InfeasibleError(f"only {sum(most(deadlines[-1]))} of {units} units fit on the GPUs")
    low, high = 0, len(deadlines) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if sum(most(deadlines[middle])) >= units else (middle + 1, high)
    deadline = float(deadlines[low])
    shares = most(deadline)
    too_many = sum(shares) - units
    for place, share in enumerate(shares):
        taken = min(share, too_many)
        shares[place] -= taken
        too_many -= taken
    return deadline, shares

"""Plans as `elastance split --output` writes them, for made-up GPUs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def made_up_plan(*gpus: tuple[str, int, float | None], per: str = "step", **changed: Any) -> dict[str, Any]:
    """A plan for GPUs given as (profile, samples, limit); each computes 10 ms per sample at 90 % of its limit."""
    times = [0.01 * samples for _, samples, _ in gpus]
    powers = [0.9 * (limit or 0.0) for *_, limit in gpus]
    idle = [max(times) - time_s for time_s in times]
    return {
        "method": "exact",
        "per": per,
        "steps_in_window": None,
        "global_batch_size": sum(samples for _, samples, _ in gpus),
        "step_time_s": max(times),
        "step_energy_j": sum(
            time_s * power_w + 20.0 * idle_s
            for time_s, power_w, idle_s in zip(times, powers, idle, strict=True)
        ),
        "provenance": ["counter"],
        "gpus": [
            {
                "profile": profile,
                "batch_size": samples,
                "power_limit_w": limit,
                "time_s": time_s,
                "power_w": power_w,
                "idle_s": idle_s,
                "micro_batches": 1 if samples else 0,
            }
            for (profile, samples, limit), time_s, power_w, idle_s in zip(
                gpus, times, powers, idle, strict=True
            )
        ],
        "profiles": [
            {
                "profile": profile,
                "count": 1,
                "idle_power_w": 20.0,
                "largest_profiled_batch_size": 64,
                "memory_cap": None,
            }
            for profile, *_ in gpus
        ],
    } | changed


def write_plan(path: Path, *gpus: tuple[str, int, float | None], **changed: Any) -> Path:
    path.write_text(json.dumps(made_up_plan(*gpus, **changed)))
    return path

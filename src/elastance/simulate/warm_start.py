"""A change of GPU: a policy begins with what it learned of the same job elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from elastance.policies import Transferable, build_policy
from elastance.simulate.recurring import RecurringJob
from elastance.simulate.world import JobWorld

if TYPE_CHECKING:
    from elastance.policies import PolicyInfo, PolicyPair
    from elastance.simulate.histories import Task


def warm_start(pair: PolicyPair, info: PolicyInfo, earlier: Task, seed: int) -> str:
    """Let a policy begin with what another of its kind learns in `earlier`; return what was done, for the user.

    Args:
        pair: The policy, before its first run; one that is not `Transferable` is left as it is.
        info: What to build the other one from.
        earlier: The same job on another GPU. What it takes there does not count.
        seed: Seed of the history; the earlier one has random streams of its own.

    Raises:
        ElastanceError: The policy misbehaved, or the job cannot reach its target on the other GPU.
    """
    policy = pair.batch_size
    if not isinstance(policy, Transferable):
        return "began without a warm start: it cannot carry knowledge from one GPU to another"
    # What happens there must not foretell what happens here.
    world_rng, policy_rng = map(np.random.default_rng, np.random.SeedSequence((seed, 1)).spawn(2))
    before = build_policy(info, earlier.problem, policy_rng)
    job = RecurringJob(JobWorld(earlier.facts, earlier.problem, before, world_rng, name=info.name))
    for _ in range(earlier.recurrences):
        job.run_recurrence()
    learned = before.batch_size
    assert isinstance(learned, Transferable)
    policy.warm_start(learned.knowledge())
    return f"began with what it learned in {earlier.recurrences} recurrences on the other GPU, which do not count"

"""Scripts for `elastance launch --workers`: one that trains, and one that only pretends to, which is quick."""

import json
import sys
from pathlib import Path

TESTS = Path(__file__).parent

PRETENDING = """
import json, os, signal, sys, time
from pathlib import Path
from elastance.elastic.launching import resize
from elastance.elastic.launching.assignment import Wishes
from elastance.elastic.launching.link import Progress, under_launcher

plan, rank = json.loads(sys.argv[1]), int(os.environ["RANK"])
if "fails_early" in plan:
    raise RuntimeError(plan["fails_early"])
if "no_job" in plan:
    sys.exit()
wishes, link = under_launcher(Wishes(plan.get("workers")))
saved = Path(wishes.checkpoints) / "step-0000000000.checkpoint"
first = step = int(saved.read_text()) if saved.exists() else 0
link.tell(Progress(first, step, 10))
print("begins", step, wishes.placement, os.environ["WORLD_SIZE"], os.getpid())
executed = Path(wishes.checkpoints) / f"executed-{rank}"
stop = Path(json.loads(os.environ["ELASTANCE_ASSIGNMENT"])["directory"]) / "stop"
while step < 10:
    step += 1
    link.tell(Progress(first, step, 10))
    seen = set(executed.read_text().split()) if executed.exists() else set()
    for act in plan.get(str(step), []):
        if act[0] == "always-fail" and rank == 0:
            raise RuntimeError("no luck")
        if act[0] == "resize" and rank == 0 and f"{step}-{act[1]}" not in seen:
            seen.add(f"{step}-{act[1]}")
            executed.write_text(" ".join(seen))
            resize(os.environ["ELASTANCE_JOB"], executors=act[1])
            while not link.stop_asked():
                time.sleep(0.01)
        if act[0] == "kill" and rank == act[1] and f"{step}-kill" not in seen:
            executed.write_text(" ".join(seen | {f"{step}-kill"}))
            os.kill(os.getpid(), signal.SIGKILL)
        if act[0] == "wait-for-stop":
            if rank == 0:
                print("waits")
            while not stop.exists():
                time.sleep(0.01)
        if act[0] == "wait":
            print("waits")
            time.sleep(600)
    if rank == 0 and link.stop_asked():
        saved.write_text(str(step))
        link.tell(Progress(first, step, 10, True))
        sys.exit(75)
    if rank != 0 and stop.exists():
        sys.exit(75)
print("done")
"""

TRAINING = f"""
import json, os, signal, subprocess, sys, time
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from elastance import elastic
from made_up_elastic import Job, RECIPES, SEED, digest

plan, out, rank = json.loads(sys.argv[1]), Path(sys.argv[2]), int(os.environ["RANK"])
job = Job(plan.pop("recipe", "image"), 4, 0.002)
recipe = RECIPES[job.recipe]
model, optimizer, scheduler = recipe.start()
scaler = recipe.scaler()
run = elastic.prepare(
    model, optimizer, recipe.data(job.samples), batch_size=job.batch_size, epochs=job.epochs, seed=SEED,
    bucket_cap_mb=job.cap_mb, scheduler=scheduler, extra={{"scaler": scaler}},
)
stop = Path(json.loads(os.environ["ELASTANCE_ASSIGNMENT"])["directory"]) / "stop"
for step in run.steps():
    for inputs, targets in step:
        recipe.backward(model, inputs, targets, scaler)
    recipe.update(model, optimizer, scheduler, scaler)
    with open(out / f"digests-{{rank}}", "a") as file:
        print(step.index, digest(model, optimizer), file=file)
    act = plan.get(str(step.index + 1))
    if isinstance(act, int) and run.executor.is_first:
        asked = [sys.executable, "-m", "elastance", "resize", os.environ["ELASTANCE_JOB"], "--executors", str(act)]
        subprocess.run([*asked, "--no-wait"], check=True)
        while not stop.exists():
            time.sleep(0.01)
    if act == "kill" and rank == run.executor.placement.executors - 1 and not (out / "killed").exists():
        (out / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def pretending(directory: Path, **plan: object) -> list[str]:
    """A command that says it trains 10 steps; `plan` says by step (s5, s6...) what else happens."""
    script = directory / "pretend.py"
    script.write_text(PRETENDING)
    return [
        sys.executable,
        str(script),
        json.dumps({name.removeprefix("s"): act for name, act in plan.items()}),
    ]


def training(directory: Path, **plan: object) -> list[str]:
    """A command that trains `Job("image", 4, 0.002)` and writes down the digests of every step and executor."""
    script = directory / "training.py"
    script.write_text(TRAINING)
    return [
        sys.executable, str(script), json.dumps({name.removeprefix("s"): act for name, act in plan.items()}),
        str(directory),
    ]  # fmt: skip


def written_digests(directory: Path) -> dict[int, set[str]]:
    """The digests that executors have written down, by global step."""
    found: dict[int, set[str]] = {}
    for path in directory.glob("digests-*"):
        for line in path.read_text().splitlines():
            step, digest = line.split()
            found.setdefault(int(step), set()).add(digest)
    return found

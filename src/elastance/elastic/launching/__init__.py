"""Launch a script with logical workers on executors that come, go and crash.

`launcher` prepares, `supervision` starts executors until the job is done; `restarts` says whether a crash is worth
another try, `interruption` what signals ask for. `assignment` and `link` are what launcher and script tell each
other, `resizing` what others ask of a launcher, through the files of `job_directory`; `report` is what comes of it.

The processes are started by `elastance.train.launching`, which stands on the process starter and the store that
torchrun's agent stands on, but not on the agent: that one takes every exit for a failure to be counted, ends workers
without letting them save, and keeps the number of processes per machine for life.
"""

from elastance.elastic.launching.job_directory import JobDirectory, JobState, JobStatus
from elastance.elastic.launching.launcher import launch
from elastance.elastic.launching.report import LaunchReport, Run
from elastance.elastic.launching.resizing import resize, wait_until_resized
from elastance.elastic.launching.settings import LaunchSettings

__all__ = [
    "JobDirectory",
    "JobState",
    "JobStatus",
    "LaunchReport",
    "LaunchSettings",
    "Run",
    "launch",
    "resize",
    "wait_until_resized",
]

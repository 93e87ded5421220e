import os
import socket

import pytest

from elastance.errors import InputError, WorkerError
from elastance.simulate.engines import Engine, distributed, find_engine


def test_engines_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_engine("processes") is Engine.PROCESSES
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"elastance\[ray\]"):
        find_engine("ray")


@pytest.mark.parametrize("jobs", [1, 2])
def test_processes_answer_every_part_once(jobs: int) -> None:
    answers = dict(distributed(Engine.PROCESSES, abs, [-3, -2, -1, 0], jobs))
    assert answers == {0: 3, 1: 2, 2: 1, 3: 0}


def test_no_parts_need_no_cluster() -> None:
    assert list(distributed(Engine.RAY, abs, [], 1)) == []
    with pytest.raises(InputError, match="0 jobs"):
        distributed(Engine.RAY, abs, [], 0)


def test_a_cluster_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    with pytest.raises(WorkerError, match=f"nobody answers at RAY_ADDRESS=127.0.0.1:{port}"):
        list(distributed(Engine.RAY, abs, [-1], 1))
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"

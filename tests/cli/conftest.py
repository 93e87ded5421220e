"""Run the command as a user does, in this process."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from elastance.cli.main import main


class Answer(NamedTuple):
    status: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def elastance(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command; takes its arguments and returns exit status, standard output and standard error."""

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["elastance", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return Answer(code if isinstance(code, int) else 0 if code is None else 1, out, err)

    return run


@pytest.fixture
def refused(elastance: Command) -> Command:
    """The command, which must refuse its arguments with one line on standard error and nothing else."""

    def run(*arguments: object) -> Answer:
        answer = elastance(*arguments)
        assert answer.status == 2, answer
        assert answer.out == ""
        assert answer.err.startswith("elastance: ")
        assert answer.err.count("\n") == 1, answer.err
        assert "Traceback" not in answer.err
        return answer

    return run

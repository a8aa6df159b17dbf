"""The program as a whole: help, usage, unexpected faults, interruption, a reader of its output that goes away."""

import argparse
import subprocess
import sys
from collections.abc import Callable

import pytest

from pellucid.app import cli
from pellucid.app.cli import COMMANDS, build_parser
from pellucid.app.command import Command

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_examples(run: Run, name: str) -> None:
    code, out, _ = run(name, "--help")
    assert code == 0
    assert "examples:" in out
    assert all(example in out for example in COMMANDS[name].examples)


def test_a_command_is_needed_and_a_wrong_one_is_usage(run: Run) -> None:
    for arguments in ([], ["reed"]):
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)


def test_an_abbreviated_option_is_refused() -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["read", "x.png", "--read", "fundus"])


def failing(error: BaseException) -> Command:
    def run(_: argparse.Namespace) -> int:
        raise error

    return Command("fails", "fails", ("pellucid doctor",), lambda _: None, run)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RuntimeError("a\nb"), 1, "unexpected RuntimeError: a b"),
        (OSError(28, "No space left on device"), 1, "No space left"),
        (MemoryError(), 1, "MemoryError"),
        (RuntimeError("many keys, " * 5000), 1, "…"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 1, "pip install 'pellucid[torch]'"),
        (ModuleNotFoundError("No module named 'oddity'", name="oddity"), 1, "unexpected ModuleNotFoundError"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_every_fault_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, words: str) -> None:
    monkeypatch.setitem(cli.COMMANDS, "doctor", failing(error))
    got, _, err = run("doctor")
    assert got == code
    assert words in err
    assert err.count("\n") == 1
    assert len(err) < 1000


def test_a_closed_pipe_is_silent() -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "pellucid.app", "guidelines", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    err = writer.stderr.read()
    writer.stderr.close()
    writer.wait()
    assert err == ""

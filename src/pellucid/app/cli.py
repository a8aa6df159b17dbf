"""The command line: one function per command, one line per error, four exit codes."""

import argparse
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from pellucid.app.assess import ASSESS
from pellucid.app.audit import AUDIT
from pellucid.app.cases import CASES
from pellucid.app.command import ERROR, Command, Parser, note, one_line
from pellucid.app.compare import COMPARE
from pellucid.app.demo import DEMO
from pellucid.app.doctor import DOCTOR, IMPORTS
from pellucid.app.explain import EXPLAIN
from pellucid.app.guidelines import GUIDELINES
from pellucid.app.learning import EVALUATE, TRAIN
from pellucid.app.read import READ
from pellucid.app.readings import REPORT, REVISE, VERIFY
from pellucid.errors import MissingExtra, PellucidError
from pellucid.models.memory import keep_memory

COMMANDS: dict[str, Command] = {
    "read": READ,
    "report": REPORT,
    "verify": VERIFY,
    "revise": REVISE,
    "assess": ASSESS,
    "compare": COMPARE,
    "cases": CASES,
    "guidelines": GUIDELINES,
    "explain": EXPLAIN,
    "audit": AUDIT,
    "evaluate": EVALUATE,
    "train": TRAIN,
    "demo": DEMO,
    "doctor": DOCTOR,
}

INTERRUPTED = 130


def build_parser() -> Parser:
    """The parser of all commands."""
    import pellucid

    parser = Parser(
        prog="pellucid",
        description="Reads medical images and justifies what it says. Research use; not a medical device.",
        epilog="Exit codes: 0 done, 1 error, 2 usage, 3 abstained. `pellucid COMMAND --help` shows examples.",
    )
    parser.add_argument("--version", action="version", version=f"pellucid {pellucid.__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error, and warnings")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=command.summary,
            description=command.text,
            epilog="examples:\n" + "\n".join(f"  {example}" for example in command.examples),
            formatter_class=_Formatter,
        )
        command.add_arguments(sub)
        sub.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error, and warnings"
        )
    return parser


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Fills the description and keeps the lines of the examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:"):
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives its exit code."""
    args = build_parser().parse_args(arguments)
    keep_memory()
    try:
        with _quiet(args.debug):
            code = COMMANDS[args.command].run(args)
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of our output went away: nothing to say
        return ERROR
    except KeyboardInterrupt:
        note("interrupted; every file that was written is whole")
        return INTERRUPTED
    except Exception as error:
        return _say(error, args.debug)


def _say(error: Exception, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing in IMPORTS:
        error = MissingExtra(missing, IMPORTS[missing], "this command")
    if isinstance(error, PellucidError | OSError):
        note(f"error: {one_line(error)}")
    else:
        note(f"error: unexpected {type(error).__name__}: {one_line(error)} (this is a bug in Pellucid; --debug shows where)")
    return ERROR


@contextmanager
def _quiet(debug: bool) -> Iterator[None]:
    """Keep other packages' warnings and logs off the terminal while a command runs, unless asked for."""
    if debug:
        yield
        return
    before, logging.lastResort = logging.lastResort, None  # what prints the warnings of loggers that nobody set up
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.lastResort = before


def entry() -> NoReturn:
    """The `pellucid` program."""
    sys.exit(main())

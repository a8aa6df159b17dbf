"""`pellucid report --as narrative`: a reading in prose, or in the words of a language model, checked sentence by sentence."""

import argparse
from typing import TYPE_CHECKING

from pellucid.app.command import note
from pellucid.errors import InputError

if TYPE_CHECKING:
    from pellucid.record import Examination, Reading
    from pellucid.report import Writer

UNSUPPORTED = ("remove", "grammar")


def narrate_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a narrative."""
    parser.add_argument(
        "--lesion",
        metavar="NAME",
        help="narrative: the lesion's name in its examination (`right upper lobe`), which gives its side",
    )
    parser.add_argument(
        "--rephrase-url", metavar="URL",
        help="narrative: let the language model at this OpenAI-compatible address (http://localhost:8000/v1) rephrase it; "
        "the key is read from PELLUCID_API_KEY; the report's text leaves this program",
    )  # fmt: skip
    parser.add_argument("--rephrase-model", metavar="NAME", help="narrative: the model's name at that address")
    parser.add_argument("--rephrase-local", metavar="FOLDER", help="narrative: a local transformers model rephrases it")
    parser.add_argument(
        "--rephrase-timeout",
        type=float,
        default=60.0,
        metavar="S",
        help="narrative: seconds that an answer may take (default: 60)",
    )
    parser.add_argument(
        "--on-unsupported", choices=UNSUPPORTED, default="remove",
        help="narrative: what is done where the model says what the reading does not: remove the sentence and list it (default), "
        "or use the grammar's text",
    )  # fmt: skip


def narrate(record: "Reading | Examination", args: argparse.Namespace) -> str:
    """The narrative of a reading, or of an examination lesion by lesion; says on stderr what was taken out of a model's text."""
    from pellucid.record import Examination
    from pellucid.report.narrative import together

    writer = _writer(args)
    if not isinstance(record, Examination):
        return _narrated(record, writer, args.lesion, args.on_unsupported)
    if args.lesion is not None:
        raise InputError(f"expected no --lesion for an examination, whose lesions have names, got {args.lesion!r}; leave it out")
    parts = [(one.name, _narrated(one.reading, writer, one.name, args.on_unsupported)) for one in record.lesions]
    return "\n\n".join([together(record), *(f"{'=' * 8} {name} {'=' * 8}\n\n{told}" for name, told in parts)])


def _narrated(reading: "Reading", writer: "Writer | None", lesion: str | None, unsupported: str) -> str:
    from pellucid import report

    if writer is None:
        return report.narrative(reading, lesion).as_text()
    said = report.rephrase(reading, writer, lesion, unsupported)
    if said.fallback:
        note(f"the grammar's text is used: {said.fallback}")
    elif said.removed:
        note(f"{len(said.removed)} sentence(s) of the language model are not in the reading and were removed; they are listed")
    return said.text


def _writer(args: argparse.Namespace) -> "Writer | None":
    if args.rephrase_url and args.rephrase_local:
        raise InputError("expected --rephrase-url or --rephrase-local, got both")
    if args.rephrase_local:
        from pellucid.models.writer import local_writer

        return local_writer(args.rephrase_local)
    if not args.rephrase_url:
        if args.rephrase_model:
            raise InputError("--rephrase-model needs --rephrase-url")
        return None
    if not 0 < args.rephrase_timeout <= 3600:
        raise InputError(f"expected --rephrase-timeout above 0 and at most 3600 seconds, got {args.rephrase_timeout:g}")
    from pellucid.report.endpoint import Endpoint

    return Endpoint(args.rephrase_url, args.rephrase_model or "", args.rephrase_timeout)

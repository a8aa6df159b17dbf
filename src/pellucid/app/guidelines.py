"""`pellucid guidelines`: what the packs say, whether they are sound, and how a reading went through them."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.app.command import DONE, ERROR, Command, note
from pellucid.app.files import load_reading
from pellucid.errors import PellucidError

if TYPE_CHECKING:
    from pellucid.knowledge import Guideline


def _arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=type(parser))
    for name, (_, text) in ACTIONS.items():
        sub = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error")
        if name == "show":
            sub.add_argument("name", metavar="NAME", help="a pack that ships, by name or name-edition, or a folder with one")
        if name == "check":
            sub.add_argument(
                "folder", nargs="?", metavar="DIR", help="a pack's folder, or a folder of packs (default: all that ship)"
            )
        if name == "trace":
            sub.add_argument("reading", metavar="READING.json", help="a reading, as `pellucid read` writes it")
        if name in ("list", "show"):
            sub.add_argument("--json", action="store_true", help="print it as JSON")


def _run(args: argparse.Namespace) -> int:
    return ACTIONS[args.action][0](args)


def _list(args: argparse.Namespace) -> int:
    from pellucid.knowledge import list_guidelines

    packs = [load_pack(name) for name in list_guidelines()]
    if args.json:
        print(json.dumps([_facts(pack) for pack in packs], indent=1))
    else:
        for pack in packs:
            print(f"  {pack.name} {pack.edition}  {pack.sha256[:12]}…  answers {', '.join(pack.questions)}")
    return DONE


def _show(args: argparse.Namespace) -> int:
    from pellucid.knowledge import show

    pack = load_pack(args.name)
    if args.json:
        print(json.dumps(_facts(pack), indent=1))
        return DONE
    print(show(pack))
    return DONE


def _facts(pack: "Guideline") -> dict[str, Any]:
    return {
        "name": pack.name,
        "edition": pack.edition,
        "title": pack.title,
        "sha256": pack.sha256,
        "concepts": {name: concept.model_dump(mode="json") for name, concept in pack.concepts.items()},
        "questions": {
            name: {category.name: category.statement for category in question.categories.values()}
            for name, question in pack.questions.items()
        },
        "sources": {name: source.reference for name, source in pack.sources.items()},
    }


def _check(args: argparse.Namespace) -> int:
    from pellucid.knowledge import list_guidelines

    names = list_guidelines() if args.folder is None else _packs(Path(args.folder))
    bad = 0
    for name in names:
        try:
            faults = faults_of(name)
        except PellucidError as error:
            faults = (str(error),)
        print(f"  {'FAIL' if faults else 'ok':<4}  {name}")
        for fault in faults:
            print(f"        {fault}")
        bad += bool(faults)
    if bad:
        note(f"error: {bad} of {len(names)} guideline packs fail their checks")
    return ERROR if bad else DONE


def _packs(folder: Path) -> tuple[str, ...]:
    if (folder / "guideline.yaml").is_file():
        return (str(folder),)
    found = tuple(str(path.parent) for path in sorted(folder.glob("*/guideline.yaml")))
    if not found:
        from pellucid.errors import GuidelineError

        raise GuidelineError(f"{folder}: expected a folder with a guideline.yaml, or a folder of such folders")
    return found


def load_pack(name: str) -> "Guideline":
    """A pack that ships, by name, or one in a folder."""
    from pellucid.knowledge import load_guideline, load_guideline_file

    file = Path(name) / "guideline.yaml"
    return load_guideline_file(file) if file.is_file() else load_guideline(name)


def faults_of(name: str) -> tuple[str, ...]:
    """What a pack's checks and cases find wrong, in sentences; empty where it is sound."""
    from pellucid.knowledge import check_guideline

    return check_guideline(load_pack(name)).problems


def _trace(args: argparse.Namespace) -> int:
    from pellucid.knowledge import trace

    print(trace(load_reading(args.reading)))
    return DONE


ACTIONS = {
    "list": (_list, "the packs that ship, with edition and hash"),
    "show": (_show, "a pack's concepts, questions, categories, rules and sources"),
    "check": (_check, "check packs: grammar, reachable categories, and every case in cases.yaml"),
    "trace": (_trace, "a reading's way from findings to category, as an indented tree"),
}

GUIDELINES = Command(
    summary="list, show, check guidelines; trace a reading",
    text="Works with guideline packs: rules as data, every one with its citation, and the cases that test them.",
    examples=(
        "pellucid guidelines list",
        "pellucid guidelines show breast-ultrasound",
        "pellucid guidelines check my-packs/",
        "pellucid guidelines trace case.reading.json",
    ),
    add_arguments=_arguments,
    run=_run,
)

"""`pellucid guidelines`: what the packs say, whether they are sound, and how a reading went through them."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.app.command import DONE, ERROR, Command, note
from pellucid.app.files import load_record
from pellucid.errors import PellucidError
from pellucid.train.files import write_whole

if TYPE_CHECKING:
    from pellucid.knowledge import Check, Guideline


def _arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=type(parser))
    for name, (_, text) in ACTIONS.items():
        sub = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error")
        if name == "show":
            _show_arguments(sub)
        if name == "pages":
            sub.add_argument("-o", "--out", metavar="DIR", required=True, help="folder of the pages, NAME-EDITION.html each")
        if name == "check":
            sub.add_argument(
                "folder", nargs="?", metavar="DIR", help="a pack's name or folder, or a folder of packs (default: all that ship)"
            )
            sub.add_argument(
                "--coverage", action="store_true", help="which cases exercise which rule (always shown where one pack is named)"
            )
        if name == "trace":
            sub.add_argument("reading", metavar="READING.json", help="a reading, or an examination of several lesions")
        if name == "list":
            sub.add_argument("--json", action="store_true", help="print it as JSON")


def _show_arguments(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", metavar="NAME", help="a pack that ships, by name or name-edition, or a folder with one")
    ways = sub.add_mutually_exclusive_group()
    ways.add_argument("--json", action="store_true", help="print it as JSON")
    ways.add_argument("--template", action="store_true", help="an empty file of findings for `pellucid assess`")
    ways.add_argument("--html", action="store_true", help="one printable page, to be checked against the published guideline")
    sub.add_argument("-o", "--out", metavar="FILE", help="write it there instead of printing it")


def _run(args: argparse.Namespace) -> int:
    return ACTIONS[args.action][0](args)


def _list(args: argparse.Namespace) -> int:
    from pellucid.knowledge import list_guidelines

    packs = [load_pack(name) for name in list_guidelines()]
    if args.json:
        print(json.dumps([_facts(pack) for pack in packs], indent=1))
    else:
        for pack in packs:
            print(f"  {pack.name} {pack.edition}  {pack.sha256[:12]}…  {_asked(pack)}")
    return DONE


def _asked(pack: "Guideline") -> str:
    parts = [f"answers {', '.join(pack.questions)}"] if pack.questions else []
    return "; ".join(parts + ([f"weighs {', '.join(pack.differentials)}"] if pack.differentials else []))


def _show(args: argparse.Namespace) -> int:
    text = _shown(load_pack(args.name), args)
    if args.out is None:
        print(text.rstrip("\n"))
    else:
        print(write_whole(Path(args.out), text if text.endswith("\n") else f"{text}\n"))
    return DONE


def _shown(pack: "Guideline", args: argparse.Namespace) -> str:
    if args.json:
        return json.dumps(_facts(pack), indent=1)
    if args.html:
        from pellucid.report import guideline_html

        return guideline_html(pack)
    from pellucid.knowledge import show, template

    return template(pack) if args.template else show(pack)


def _pages(args: argparse.Namespace) -> int:
    from pellucid.knowledge import list_guidelines
    from pellucid.report import guideline_html

    for name in list_guidelines():
        print(write_whole(Path(args.out) / f"{name}.html", guideline_html(load_pack(name))))
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
    from pellucid.knowledge import Check, check_guideline, list_guidelines

    names = list_guidelines() if args.folder is None else _packs(args.folder)
    bad = 0
    for name in names:
        try:
            found = check_guideline(load_pack(name))
        except PellucidError as error:
            found = Check((str(error),), "")
        print(f"  {'FAIL' if found.problems else 'ok':<4}  {name}{_extent(found)}")
        for fault in found.problems:
            print(f"        {fault}")
        if found.coverage and (args.coverage or (args.folder is not None and len(names) == 1)):
            print("\n".join(f"    {line}" for line in found.coverage.splitlines()))
        bad += bool(found.problems)
    if bad:
        note(f"error: {bad} of {len(names)} guideline packs fail their checks")
    return ERROR if bad else DONE


def _extent(found: "Check") -> str:
    from pellucid.knowledge.extent import number

    one = found.extent
    if one is None:
        return ""
    joint = f", {one.states} states, {number(one.joint)} joint states, {one.nodes} nodes" if one.nodes else ""
    return f": {one.rows} rows, {found.cases} cases{joint}"


def _packs(named: str) -> tuple[str, ...]:
    folder = Path(named)
    if (folder / "guideline.yaml").is_file():
        return (named,)
    found = tuple(str(path.parent) for path in sorted(folder.glob("*/guideline.yaml")))
    if not found and folder.is_dir():
        from pellucid.errors import GuidelineError

        raise GuidelineError(f"{folder}: expected a folder with a guideline.yaml, or a folder of such folders")
    return found or (named,)


def load_pack(name: str) -> "Guideline":
    """A pack that ships, by name, or one in a folder."""
    from pellucid.knowledge import load_guideline, load_guideline_file

    file = Path(name) / "guideline.yaml"
    return load_guideline_file(file) if file.is_file() else load_guideline(name)


def packs_in(folders: Sequence[str]) -> list["Guideline"]:
    """The packs in folders, each a pack or a folder of packs; GuidelineError where a folder holds none."""
    from pellucid.errors import GuidelineError
    from pellucid.knowledge import load_guideline_file

    for named in folders:
        if not Path(named).is_dir():
            raise GuidelineError(f"{named}: expected a folder with a guideline.yaml, got no folder; packs that ship go without")
    return [load_guideline_file(path) for named in folders for path in _packs(named)]


def faults_of(name: str) -> tuple[str, ...]:
    """What a pack's checks and cases find wrong, in sentences; empty where it is sound."""
    from pellucid.knowledge import check_guideline

    return check_guideline(load_pack(name)).problems


def _trace(args: argparse.Namespace) -> int:
    from pellucid.knowledge import trace

    print(trace(load_record(args.reading)))
    return DONE


ACTIONS = {
    "list": (_list, "the packs that ship, with edition and hash"),
    "show": (_show, "a pack as decision tables, as an empty file of findings, or as a page"),
    "pages": (_pages, "one page per guideline that ships, to be checked cell by cell"),
    "check": (_check, "check packs: grammar, reachable categories, and every case in cases.yaml"),
    "trace": (_trace, "a reading's way from findings to category, as an indented tree"),
}

GUIDELINES = Command(
    summary="list, show, check guidelines; their pages; trace a reading",
    text="Works with guideline packs: rules as data, every one with its citation, and the cases that test them.",
    examples=(
        "pellucid guidelines list",
        "pellucid guidelines show breast-ultrasound",
        "pellucid guidelines show thyroid-nodule --template -o findings.yaml",
        "pellucid guidelines show thyroid-nodule --html -o thyroid-nodule.html",
        "pellucid guidelines pages -o pages",
        "pellucid guidelines check my-packs/",
        "pellucid guidelines trace case.reading.json",
    ),
    add_arguments=_arguments,
    run=_run,
)

"""`pellucid demo`: a real photograph read, a real breast case revised, both verified, pages left to open."""

import argparse
import time
from importlib.resources import files
from pathlib import Path
from textwrap import fill, indent
from typing import TYPE_CHECKING

from pellucid.app.command import DONE, ERROR, Command
from pellucid.app.files import READING_SUFFIX, load_reading
from pellucid.app.summary import moves
from pellucid.errors import MissingExtra, PellucidError
from pellucid.train.files import write_whole

if TYPE_CHECKING:
    from pellucid.record import Assessment, Reading

EXAMPLE = "breast-case.json"
BY = "demo: a second look"
WIDTH = 110


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--out", metavar="DIR", default="pellucid-demo", help="folder of what the demo makes (default: pellucid-demo)"
    )


def _run(args: argparse.Namespace) -> int:
    out = Path(args.out)
    started = time.monotonic()
    print("Pellucid demo: two real cases, from image to a report that can be checked and corrected.")
    print("Research use; not a medical device.")
    readings = {"eye": _read_eye(out)}
    case = example_case()
    readings["breast-case"] = case
    print(f"\n2  A real breast case, as radiologists described it (findings only)\n{_told(case)}")
    readings["breast-case-revised"] = second = _second_look(case)
    for name, reading in readings.items():
        write_whole(out / f"{name}{READING_SUFFIX}", reading.as_json() + "\n")
    ok = _check(out, list(readings))
    _write_pages(out, readings)
    print(f"\n   The new reading names the one it revises: {second.id[:12]}… revises {case.id[:12]}…")
    print(f"\nOpen in a browser ({time.monotonic() - started:.0f} s in all):")
    for name in readings:
        print(f"   {out / f'{name}.html'}")
    return DONE if ok else ERROR


def _read_eye(out: Path) -> "Reading":
    """The fundus photograph that scikit-image ships, read by the shipped reader."""
    from pellucid.images.study import open_study
    from pellucid.reader import load_reader

    path = _save_eye(out / "eye.png")
    image = open_study(path).images[0]
    print(f"\n1  A real photograph of the back of an eye ({image.width} x {image.height}, from scikit-image), read by `fundus`")
    reading = load_reader("fundus").read(image)
    print(_told(reading))
    if all(a.category is None for a in reading.assessments):
        print(_line("why", "Another camera than the one this reader learned from: it says so rather than guess."))
    return reading


def _save_eye(path: Path) -> Path:
    import io

    from PIL import Image

    try:
        from skimage.data import retina
    except ImportError:
        raise MissingExtra("scikit-image", "torch,dicom,demo", "the demo") from None
    buffer = io.BytesIO()
    Image.fromarray(retina()).save(buffer, "PNG")
    return write_whole(path, buffer.getvalue())


def example_case() -> "Reading":
    """The reading of a real breast case that ships with the package: findings only, no pixels."""
    with_path = Path(str(files("pellucid.app") / "examples" / EXAMPLE))
    return load_reading(with_path)


def _told(reading: "Reading") -> str:
    lines = [_line("seen", _seen(reading))]
    for a in reading.assessments:
        if a.category is None:
            lines.append(_line(a.question, f"abstains: {a.abstained_because}"))
            continue
        lines.append(_line(a.question, a.statement))
        if a.coverage is not None:
            lines.append(_line("", f"{a.coverage:.0%} confidence set: {', '.join(a.confidence_set)}"))
        if a.sufficient_reason:
            lines.append(_line("", f"because {_because(a)}"))
        if a.next_step:
            lines.append(_line("", f"next: {a.next_step}"))
    return "\n".join(lines + [_line("caution", c.text) for c in reading.cautions])


def _line(name: str, text: str) -> str:
    return fill(text, WIDTH, initial_indent=f"   {name:<13} ", subsequent_indent=" " * 17)


def _seen(reading: "Reading") -> str:
    said: list[str] = []
    absent: list[str] = []
    unknown: list[str] = []
    for f in reading.findings:
        name = f.concept.replace("_", " ")
        if f.value is not None:
            said.append(f"{name} {f.value:.3g} {f.unit}".removesuffix(" 1"))
        elif f.state is None or f.probabilities is None or f.states is None:
            unknown.append(name)
        else:
            p = f.probabilities[f.states.index(f.state)]
            sure = "" if p > 0.995 else f" ({p:.0%})"
            (absent if f.state == "absent" else said).append(
                f"{name}{sure}" if f.state == "absent" else f"{name} {f.state}{sure}"
            )
    groups = (("", said), ("no ", absent), ("not judged: ", unknown))
    return "; ".join(f"{title}{', '.join(names)}" for title, names in groups if names)


def _because(a: "Assessment") -> str:
    return " and ".join(f"{c.concept.replace('_', ' ')} is {c.state}" for c in a.sufficient_reason[0])


def second_look(case: "Reading") -> tuple[str, str]:
    """The one finding, with its new state, that the reading itself says would move a category."""
    states = {f.concept: f.states or () for f in case.findings}
    for a in case.assessments:
        for contrast in a.contrasts:
            change = contrast.changes[0]
            if len(contrast.changes) == 1 and change.instead in states.get(change.concept, ()):
                return change.concept, change.instead
    raise PellucidError(f"the example case {case.id[:12]} names no single finding that would move a category")


def _second_look(case: "Reading") -> "Reading":
    from pellucid.assess.revise import revise

    concept, state = second_look(case)
    print(
        f"\n3  A second look. The reading says what would change it; say a colleague sees {concept.replace('_', ' ')} = {state}"
    )
    second = revise(case, {concept: state}, by=BY)
    print(indent(moves(case, second), " "))
    return second


def _check(out: Path, names: list[str]) -> bool:
    """Verify what was written, from its files, as a third party would."""
    from pellucid.assess.verify import verdict, verify

    print("\n4  Anyone can check, without the model")
    good = True
    for name in names:
        path = out / f"{name}{READING_SUFFIX}"
        started = time.monotonic()
        result = verify(path.read_bytes())
        failed = "; ".join(f"{c.name}: {c.detail}" for c in result.checks if not c.ok)
        said = f"{verdict(result)} ({time.monotonic() - started:.2f} s)" if result.ok else f"FAILS: {failed}"
        print(f"   {path}  {said}")
        good = good and result.ok
    return good


def _write_pages(out: Path, readings: "dict[str, Reading]") -> None:
    from pellucid import report
    from pellucid.images.study import open_study

    pixels = {"eye": open_study(out / "eye.png").images[0].pixels()}
    by_id = {reading.id: reading for reading in readings.values()}
    for name, reading in readings.items():
        earlier = by_id.get(reading.revises or "")
        write_whole(out / f"{name}.html", report.html(reading, pixels=pixels.get(name), earlier=earlier))


DEMO = Command(
    summary="see it work on two real cases",
    text="Reads the real fundus photograph that scikit-image ships, opens an example reading of a real breast case, revises one "
    "finding, shows how the category moves, verifies everything, and leaves readings and pages in a folder. "
    "Takes well under two minutes.",
    examples=("pellucid demo", "pellucid demo -o /tmp/pellucid-demo"),
    add_arguments=_arguments,
    run=_run,
)

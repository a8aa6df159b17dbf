"""`pellucid explain`: the picture, its JSON, its verdict, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from pellucid.app.command import ERROR, USAGE  # noqa: E402
from pellucid.record.accountability import AccountabilityCard  # noqa: E402

Run = Callable[..., tuple[int, str, str]]
CARD = """
[model]
name = "half"
kind = "torchscript"
weights = "half.pt"
classes = ["left", "right"]
[[preparation]]
name = "luminance"
[[preparation]]
name = "letterbox"
size = 32
[data]
patient = "patient"
[data.label]
column = "side"
values = { l = "left", r = "right" }
"""


class Half(torch.nn.Module):
    """Right is how bright the right half is, left the left half."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2, 3, 32, 32))
        with torch.no_grad():
            self.weight[0, :, :, :16] = self.weight[1, :, :, 16:] = 0.002

    def forward(self, x: Any) -> Any:
        return torch.einsum("bcyx,kcyx->bk", x, self.weight)


@pytest.fixture
def model(work: Path) -> Path:
    """The card of a net that looks at halves, an image and a manifest beside it."""
    import warnings

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        traced: Any = torch.jit.trace(Half(), torch.zeros(1, 3, 32, 32))
        traced.save("half.pt")
    Path("half.toml").write_text(CARD, encoding="utf-8")
    Path("images").mkdir()
    generator = np.random.default_rng(0)
    lines = ["image,side,patient"]
    for i in range(24):
        pixels = generator.integers(0, 90, (32, 32)).astype(np.uint8)
        pixels[8:24, (2 if i % 2 == 0 else 18) : (14 if i % 2 == 0 else 30)] += 120
        Image.fromarray(pixels).save(f"images/{i}.png")
        lines.append(f"{i}.png,{'lr'[i % 2]},p{i}")
    Path("manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    return Path("half.toml")


def test_a_map_is_written_with_its_verdict_and_tests(model: Path, run: Run) -> None:
    code, out, _ = run("explain", "images/1.png", "--model", model, "--method", "integrated-gradients", "--target", "right")
    assert code == 0
    assert "Not tested on this model" in out
    assert out.count("passed:") + out.count("FAILED:") + out.count("not asked:") == 4
    beside = json.loads(Path("map.json").read_text(encoding="utf-8"))
    assert beside["grade"] == "not tested"
    with Image.open("map.png") as picture:
        assert picture.size[0] > 600


def test_the_methods_are_listed(run: Run) -> None:
    from pellucid.explain import METHODS

    code, out, _ = run("explain", "--method", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(METHODS)


REFUSED = [
    (("images/1.png", "--method", "saliency", "--target", "right"), "expected a model"),
    (("--model", "half.toml", "--method", "saliency", "--target", "right"), "expected an image"),
    (("images/1.png", "--model", "half.toml", "--method", "saliency"), "expected --target, got none; one of class, left, right"),
    (("images/1.png", "--model", "half.toml", "--method", "saliency", "--target", "wrong"), "unknown target 'wrong'"),
    (("images/1.png", "--model", "half.toml", "--method", "slaiency", "--target", "right"), "did you mean 'saliency'"),
    (("images/1.png", "--model", "half.toml", "--method", "grad-cam", "--target", "right"), "expected a layer that keeps places"),
    (("half.toml", "--model", "half.toml", "--method", "saliency", "--target", "right"), "expected DICOM, PNG"),
    (("images/1.png", "--model", "no.toml", "--method", "saliency", "--target", "right"), "expected a TOML file"),
    (
        ("images/1.png", "--model", "half.toml", "--method", "saliency", "--target", "right", "--audit", "no"),
        "accountability card",
    ),
    (("images/1.png", "--model", "half.toml", "--method", "saliency", "--target", "right", "--audit", "half.toml"), "card"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_cannot_be_explained_is_one_line(words: tuple[str, ...], said: str, model: Path, run: Run) -> None:
    code, _, err = run("explain", *words)
    assert code == ERROR
    assert said in err
    assert err.count("\n") == 1
    assert not Path("map.png").exists()


def test_a_reader_and_a_model_at_once_are_a_usage_error(model: Path, run: Run) -> None:
    assert run("explain", "x.png", "--model", model, "--reader", "fundus", "--method", "saliency")[0] == USAGE


def test_an_audit_writes_the_card_three_ways_and_explain_then_gives_its_verdict(model: Path, run: Run) -> None:
    words = ("--model", model, "--data", "manifest.csv", "-o", "out", "--minutes", "120")
    measures = [w for m in ("ROAD", "MPRT", "noise stability", "insertion", "deletion") for w in ("--measure", m)]
    code, out, err = run("audit", *words, "--method", "integrated-gradients", "--method", "grad-cam", *measures)
    assert code == 0, err
    for title in ("May be relied on", "Must not be relied on", "To be done before use"):
        assert title in out
    card = AccountabilityCard.model_validate_json(Path("out/card.json").read_bytes())
    assert "What this card does not show" in Path("out/card.html").read_text(encoding="utf-8")
    assert Path("out/card.xml").read_bytes().startswith(b"<?xml")
    tried = card.trial("integrated-gradients", "the class it answers")
    assert tried is not None
    words = (
        "images/1.png",
        "--model",
        model,
        "--method",
        "integrated-gradients",
        "--target",
        "right",
        "--audit",
        "out",
        "--json",
    )
    code, out, _ = run("explain", *words)
    beside = json.loads(out)
    assert (code, beside["grade"], beside["verdict"]) == (0, tried.verdict.grade, tried.verdict.sentence)
    Path("half.toml").write_text(CARD.replace('"half"', '"other"'), encoding="utf-8")
    net = Half()
    with torch.no_grad():
        net.weight.mul_(2)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        traced: Any = torch.jit.trace(net, torch.zeros(1, 3, 32, 32))
        traced.save("half.pt")
    beside = json.loads(run("explain", *words)[1])
    assert beside["grade"] == "not tested"
    assert "other weights" in beside["verdict"]


def test_a_card_that_was_changed_is_refused(model: Path, run: Run) -> None:
    words = (
        "--model",
        model,
        "--data",
        "manifest.csv",
        "-o",
        "out",
        "--minutes",
        "1",
        "--method",
        "saliency",
        "--measure",
        "entropy",
    )
    assert run("audit", *words)[0] == 0
    text = Path("out/card.json").read_text(encoding="utf-8")
    Path("out/card.json").write_text(text.replace("Nobody can check", "NOBODY can check"), encoding="utf-8")
    code, _, err = run("explain", "images/1.png", "--model", model, "--method", "saliency", "--target", "right", "--audit", "out")
    assert code == ERROR
    assert "changed after it was written" in err


def test_bad_numbers_are_usage_errors(run: Run) -> None:
    for words in (("--cases", "0"), ("--minutes", "-1"), ("--cases", "many")):
        assert run("audit", "--reader", "fundus", "--data", "m.csv", *words)[0] == USAGE
    for seed in ("-1", "one", "1.5"):
        assert run("audit", "--reader", "fundus", "--data", "m.csv", "--seed", seed)[0] == USAGE
        code, _, err = run("explain", "a.png", "--reader", "fundus", "--method", "rise", "--target", "shadow", "--seed", seed)
        assert code == USAGE
        assert "expected a whole number from 0" in err

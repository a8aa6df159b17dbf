"""The layer of a class activation map is chosen on patients set aside, reported, and used wherever the verdict is shown."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from pellucid.images import open_study  # noqa: E402
from pellucid.trial.picture import How, explain_image  # noqa: E402
from pellucid.trial.request import Request  # noqa: E402
from pellucid.trial.run import audit  # noqa: E402
from pellucid.trial.subject import OnTrial, foreign_on_trial  # noqa: E402

Make = Callable[..., Path]
MEASURES = ("deletion", "ROAD", "MPRT", "noise stability")


class MirroredNet(torch.nn.Module):
    """'right' is how bright the right half is; behind its first layer left and right are exchanged, so maps from there lie."""

    def __init__(self) -> None:
        super().__init__()
        self.near = torch.nn.Conv2d(3, 4, 5, stride=4, padding=2, bias=False)
        self.far = torch.nn.Conv2d(4, 4, 1, bias=False)
        self.head = torch.nn.Linear(4 * 16 * 16, 2, bias=False)
        with torch.no_grad():
            self.near.weight.fill_(1 / 75)
            self.far.weight.copy_(torch.eye(4)[..., None, None])
            half = torch.zeros(2, 4, 16, 16)
            half[0, :, :, 8:] = half[1, :, :, :8] = 0.02
            self.head.weight.copy_(half.flatten(1))

    def forward(self, x: Any) -> Any:
        return self.head(self.far(torch.relu(self.near(x)).flip(3)).flatten(1))


@pytest.fixture
def mirrored(tmp_path: Path, make_card: Make, monkeypatch: pytest.MonkeyPatch) -> OnTrial:
    module = ModuleType("users_code")
    module.make = MirroredNet  # pyright: ignore[reportAttributeAccessIssue]  # a stand-in for the user's module
    monkeypatch.setitem(sys.modules, "users_code", module)
    save_file(MirroredNet().state_dict(), tmp_path / "mirrored.safetensors")
    return foreign_on_trial(make_card("module", "mirrored.safetensors", "users_code:make"), allow_code=True)


def request(data: Path, out: Path) -> Request:
    return Request(data, out, methods=("grad-cam",), measures=MEASURES, minutes=120.0, examples=False)


def test_the_layer_that_keeps_places_is_chosen_and_no_map_is_judged_on_the_patients_it_was_chosen_on(
    mirrored: OnTrial, make_set: Make, tmp_path: Path
) -> None:
    data = make_set(62)
    card = audit(mirrored, request(data, tmp_path / "out")).card
    tried = card.explainability.trials[0]
    assert tried.settings["layer"] == "near"
    said = str(tried.settings["layer chosen"])
    assert said.startswith("near of 2 tried: least area under deletion")
    assert "on 12 images set aside (far" in said
    assert max(r.measured.n for r in tried.results) == 62 - 12
    image = open_study(data.parent / "images" / "001.png").images[0]
    drawn = explain_image(mirrored, image, "grad-cam", "right", How(card=card))
    assert drawn.words.layer == "near"
    assert drawn.words.grade == tried.verdict.grade
    other = explain_image(mirrored, image, "grad-cam", "right", How(layer="far", card=card))
    assert other.words.grade == "not tested"
    assert "the audit drew grad-cam from near, this map is from far" in other.words.verdict


def test_on_few_patients_the_deepest_layer_stays_and_it_says_that_nothing_was_chosen(
    mirrored: OnTrial, make_set: Make, tmp_path: Path
) -> None:
    card = audit(mirrored, request(make_set(20), tmp_path / "out")).card
    tried = card.explainability.trials[0]
    assert "layer" not in tried.settings
    assert tried.settings["layer chosen"] == "the deepest that keeps places, not chosen by score: fewer than 60 patients"


def test_a_run_that_goes_on_keeps_the_layer_that_was_chosen(mirrored: OnTrial, make_set: Make, tmp_path: Path) -> None:
    wanted = request(make_set(62), tmp_path / "out")
    first = audit(mirrored, wanted).card
    again = audit(replace(mirrored), wanted).card
    assert again.explainability.trials == first.explainability.trials

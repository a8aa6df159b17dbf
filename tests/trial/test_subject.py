"""A model on trial: its outputs by name, its probabilities, its randomised copies; and models that cannot be tried."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from pellucid.errors import InputError, UnknownName  # noqa: E402
from pellucid.trial.subject import (  # noqa: E402
    Output,
    explainer,
    find_output,
    foreign_on_trial,
    predictor,
    probabilities,
    randomised,
    reader_on_trial,
)

IMAGES = np.random.default_rng(0).standard_normal((5, 3, 64, 64)).astype(np.float32)
Make = Callable[..., Path]


def test_outputs_are_found_by_name_and_a_group_stands_for_its_likeliest(side_card: Path) -> None:
    trial = foreign_on_trial(side_card)
    assert find_output(trial, "right") == Output("right", "class", 1)
    assert find_output(trial, "class") == "class"
    with pytest.raises(UnknownName, match="did you mean 'right'"):
        find_output(trial, "rihgt")


def test_probabilities_are_softmax_within_each_group() -> None:
    scores = np.array([[1.0, 2.0, -1.0, 0.0, 3.0]])
    groups = {"a": np.array([0, 1]), "b": np.array([2, 3, 4])}
    p = probabilities(scores, groups, "softmax")
    expected = torch.tensor(scores[:, 2:]).softmax(dim=1).numpy()
    assert np.allclose(p[:, 2:], expected)
    assert p[:, :2].sum() == pytest.approx(1)
    assert np.array_equal(probabilities(scores, groups, "as given"), scores)
    assert np.allclose(probabilities(scores, groups, "sigmoid"), torch.tensor(scores).sigmoid().numpy())


def test_the_predictor_gives_the_models_own_softmax(side_card: Path, side_net: Callable[[], Any]) -> None:
    with torch.no_grad():
        expected = side_net()(torch.from_numpy(IMAGES)).double().softmax(dim=1).numpy()
    assert np.allclose(predictor(foreign_on_trial(side_card))(IMAGES), expected, atol=1e-6)


def test_a_randomised_copy_is_another_model_and_the_original_stays(open_card: Path) -> None:
    trial = foreign_on_trial(open_card, allow_code=True)
    before = predictor(trial)(IMAGES)
    state = torch.random.get_rng_state()
    copy = randomised(trial, 1.0, 0)
    assert copy is not None
    assert not np.allclose(predictor(trial, copy.module)(IMAGES), before)
    assert np.array_equal(predictor(trial)(IMAGES), before)
    assert torch.equal(torch.random.get_rng_state(), state)
    last = randomised(trial, 0.5, 0)
    assert last is not None
    assert torch.equal(last.module.get_parameter("smooth.weight"), trial.subject.module.get_parameter("smooth.weight"))
    assert not torch.equal(last.module.get_parameter("head.weight"), trial.subject.module.get_parameter("head.weight"))


def test_a_compiled_copy_can_be_randomised_too(side_card: Path) -> None:
    trial = foreign_on_trial(side_card)
    copy = randomised(trial, 1.0, 0)
    assert copy is not None
    assert not np.allclose(predictor(trial, copy.module)(IMAGES), predictor(trial)(IMAGES))


def test_maps_are_made_for_the_output_of_each_case(open_card: Path) -> None:
    trial = foreign_on_trial(open_card, allow_code=True)
    maps = explainer(trial, "saliency")(IMAGES, np.array([0, 1, 0, 1, 1]))
    left, right = maps[:, :, :30].sum(axis=(1, 2)), maps[:, :, 34:].sum(axis=(1, 2))
    assert ((left > right) == [True, False, True, False, False]).all()


class Bad(torch.nn.Module):
    """Spoilt in one way."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.conv = torch.nn.Conv2d(3, 2, 64)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, x: Any, other: Any = None) -> Any:
        out = self.conv(x.clone()).flatten(1)
        match self.how:
            case "nan":
                return out * float("nan")
            case "chance":
                return out + torch.rand(1)
            case "dict":
                return {"scores_a": out, "scores_b": out}
            case "in place":
                return torch.nn.functional.relu_(out) + 0.1 * x.flatten(1).sum(dim=1, keepdim=True)
            case "no gradients":
                return out.detach()
        return self.drop(out)


class TwoInputs(Bad):
    """Needs a second input."""

    def forward(self, x: Any, other: Any) -> Any:
        return self.conv(x).flatten(1) + other


@pytest.fixture
def spoilt(tmp_path: Path, make_card: Make, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Puts a spoilt model on trial."""
    import sys
    from types import ModuleType

    def make(how: str, extra: str = "") -> Any:
        module = ModuleType("users_code")
        kind = TwoInputs if how == "two inputs" else Bad
        module.make = lambda: kind(how).train()  # pyright: ignore[reportAttributeAccessIssue]  # a stand-in for the user's module
        monkeypatch.setitem(sys.modules, "users_code", module)
        torch.manual_seed(0)
        save_file(kind(how).state_dict(), tmp_path / "bad.safetensors")
        return foreign_on_trial(make_card("module", "bad.safetensors", "users_code:make", extra), allow_code=True)

    return make


@pytest.mark.parametrize(
    ("how", "said"),
    [("nan", "NaN"), ("chance", "other scores"), ("two inputs", "one batch of images"), ("dict", "model.output")],
)
def test_a_model_that_cannot_be_tried_is_refused_in_one_line(how: str, said: str, spoilt: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match=said) as found:
        spoilt(how)
    assert "\n" not in str(found.value)


def test_a_dictionary_is_tried_when_the_card_names_its_key(spoilt: Callable[..., Any]) -> None:
    trial = spoilt("dict", 'output = "scores_b"')
    assert predictor(trial)(IMAGES).shape == (5, 2)


def test_dropout_left_in_training_mode_does_not_reach_the_scores(spoilt: Callable[..., Any]) -> None:
    trial = spoilt("dropout")
    assert np.array_equal(predictor(trial)(IMAGES), predictor(trial)(IMAGES))


def test_operations_in_place_leave_the_cases_as_they_are(spoilt: Callable[..., Any]) -> None:
    trial = spoilt("in place")
    before = IMAGES.copy()
    explainer(trial, "saliency")(IMAGES, np.zeros(5, dtype=np.int64))
    assert np.array_equal(IMAGES, before)


def test_a_model_without_gradients_is_tried_by_what_needs_none(spoilt: Callable[..., Any]) -> None:
    from pellucid.explain import METHODS

    trial = spoilt("no gradients")
    with pytest.raises(InputError, match="gradients"):
        explainer(trial, "saliency")(IMAGES[:1], np.zeros(1, dtype=np.int64))
    if "occlusion" in METHODS:
        assert explainer(trial, "occlusion")(IMAGES[:1], np.zeros(1, dtype=np.int64)).shape == (1, 64, 64)


def test_a_category_of_a_reader_has_no_map_and_the_reason_is_said(shipped_reader: Callable[[str], Path]) -> None:
    trial = reader_on_trial(shipped_reader("breast-ultrasound"))
    with pytest.raises(InputError, match="computed by cited rules"):
        find_output(trial, "malignancy")
    assert find_output(trial, "margin=circumscribed") == find_output(trial, "margin = circumscribed")
    assert find_output(trial, "shadow") == "shadow"

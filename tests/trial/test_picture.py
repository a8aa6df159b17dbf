"""No map without its test result: the verdict of an audit of these weights, and the tests of this very map."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pellucid.explain import Maps  # noqa: E402
from pellucid.images import open_study, study_from_array  # noqa: E402
from pellucid.trial.picture import FAILED, ExplainedImage, How, display_pixels, explain_image, own_tests, save_picture  # noqa: E402
from pellucid.trial.subject import OnTrial, foreign_on_trial  # noqa: E402

Make = Callable[..., Path]


@pytest.fixture
def trial(open_card: Path) -> OnTrial:
    return foreign_on_trial(open_card, allow_code=True)


@pytest.fixture
def image(make_set: Make) -> Any:
    """An image with its disc on the right."""
    return open_study(make_set(2).parent / "images" / "001.png").images[0]


def made(values: np.ndarray) -> Maps:
    return Maps(values.astype(np.float32), "by hand", "right", signed=False)


def outcome(trial: OnTrial, image: Any, values: np.ndarray) -> dict[str, bool | None]:
    from pellucid.images import prepare
    from pellucid.trial.subject import Output

    array = prepare(image.pixels(), trial.plan).array[None]
    tests = own_tests(trial, "saliency", array, Output("right", "class", 1), made(values), How())
    return {t.name: t.passed for t in tests}


def test_a_map_that_marks_what_the_net_uses_passes_deletion_and_its_opposite_fails(trial: OnTrial, image: Any) -> None:
    bright = display_pixels(image.pixels(), trial)[None, :, :, 0].astype(float)
    bright[:, :, :32] = 0
    assert outcome(trial, image, bright)["deletion against random maps"] is True
    assert outcome(trial, image, bright.max() - bright)["deletion against random maps"] is False


def test_a_map_that_is_the_same_everywhere_fails_at_once(trial: OnTrial, image: Any) -> None:
    assert outcome(trial, image, np.ones((1, 64, 64))) == {"says something": False}


def test_without_an_audit_the_verdict_is_not_tested(trial: OnTrial, image: Any) -> None:
    found = explain_image(trial, image, "saliency", "right").words
    assert found.grade == "not tested"
    assert "no audit" in found.verdict
    assert len(found.tests) == 4


def test_a_map_that_fails_its_own_test_carries_that_across_the_picture(
    trial: OnTrial, image: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pellucid.trial import picture

    def flat(*_: Any, **__: Any) -> Maps:
        return made(np.ones((1, 64, 64)))

    plain = explain_image(trial, image, "saliency", "right")
    monkeypatch.setattr(picture, "explain", flat)
    failed = explain_image(trial, image, "saliency", "right")
    assert failed.words.stamp == FAILED
    red = [np.asarray(_opened(p.png))[..., 0].astype(int) - np.asarray(_opened(p.png))[..., 1] for p in (plain, failed)]
    assert (red[1] > 80).sum() > (red[0] > 80).sum() + 2000


def _opened(png: bytes) -> Any:
    import io

    from PIL import Image

    return Image.open(io.BytesIO(png)).convert("RGB")


def test_the_picture_and_its_json_are_written_together(trial: OnTrial, image: Any, tmp_path: Path) -> None:
    pictured = explain_image(trial, image, "saliency", "class")
    png, beside = save_picture(pictured, tmp_path / "out" / "map.png")
    assert png.read_bytes()[:4] == b"\x89PNG"
    assert ExplainedImage.model_validate_json(beside.read_bytes()) == pictured.words
    assert pictured.words.target == "right"


def test_the_same_image_and_seed_give_the_same_picture(trial: OnTrial, image: Any) -> None:
    first, again = (explain_image(trial, image, "smoothgrad", "right", How(seed=3)) for _ in range(2))
    assert first.png == again.png


def test_an_image_that_is_not_square_keeps_its_shape_in_the_picture(trial: OnTrial) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (30, 90)).astype(np.uint8)
    shown = display_pixels(pixels, trial)
    assert shown.shape == (64, 64, 3)
    assert not shown[:15].any()
    assert explain_image(trial, study_from_array(pixels).images[0], "saliency", "left").png

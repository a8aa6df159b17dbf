"""The search names what a model depends on beside the lesion, and only that; models here are computed on paper."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from pellucid.audit.cases import Cases
from pellucid.audit.regions import borders
from pellucid.audit.shortcut import Limits, find_shortcuts
from pellucid.audit.shortcut_words import surround_sentence
from pellucid.errors import InputError
from pellucid.record.shortcut import PlaceEffect, ShortcutAudit, SurroundEffect
from pellucid.record.trial import Measured
from pellucid.trial.known_evidence import laterality_token, planted, ruler, scanner_mark

Predict = Callable[[NDArray[np.float32]], NDArray[np.float64]]
N, SHAPE = 90, (48, 48)


def cases(n: int = N, seed: int = 0) -> tuple[Cases, NDArray[np.int64]]:
    """Smooth noise with a lesion somewhere in the middle half, brighter where the label is one."""
    rng = np.random.default_rng(seed)
    images = 0.25 + 0.2 * np.kron(rng.random((n, 1, 12, 12)), np.ones((4, 4))) + 0.04 * rng.standard_normal((n, 1, *SHAPE))
    labels, masks = rng.integers(0, 2, n), np.zeros((n, *SHAPE), bool)
    for i, (y, x) in enumerate(rng.integers(14, 24, (n, 2))):
        masks[i, y : y + 10, x : x + 10] = True
        images[i, 0][masks[i]] += 0.15 + 0.3 * labels[i]
    patients = np.array([f"p{i}" for i in range(n)])
    return Cases(np.clip(images, 0, 1).astype(np.float32), labels, patients, masks), labels


def both(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([1 - p, p], axis=1)


def squashed(x: ArrayLike) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.asarray(x, dtype=np.float64)))


def by_lesion(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean of the brightest pixels of the middle: what a lesion adds."""
    middle = np.sort(images[:, 0, 12:36, 12:36].reshape(len(images), -1), axis=1)[:, -60:].mean(axis=1)
    return both(squashed(25 * (middle - 0.72)))


def by_place(place: NDArray[np.bool_], threshold: float, weight: float) -> Predict:
    return lambda images: both(squashed(weight * (images[:, 0, place].mean(axis=1) - threshold)))


def search(given: Cases, predict: Predict, seed: int = 0, limits: Limits | None = None) -> ShortcutAudit:
    return find_shortcuts(given, predict, np.random.default_rng(seed), limits=limits)


@pytest.fixture(scope="module")
def marked() -> tuple[Cases, NDArray[np.bool_]]:
    """Cases with a scanner mark in the upper-right corner that agrees with the label in nine of ten."""
    plain, labels = cases()
    plant = scanner_mark(SHAPE, "upper-right")
    images, _ = planted(plain.images, labels, plant, 0.9, np.random.default_rng(1))
    return Cases(images, labels, plain.patients, plain.masks), plant.place


def test_a_model_that_reads_a_mark_is_told_on(marked: tuple[Cases, NDArray[np.bool_]]) -> None:
    found = search(marked[0], by_place(marked[1], 0.65, 10.0))
    assert found.severity == "shortcut"
    first = found.findings[0]
    assert (first.where, first.look, first.polarity) == ("the upper-right corner", "mark", "bright")
    assert first.sentence.startswith("The prediction depends on a bright mark in the upper-right corner")
    assert first.removed.difference.low is not None
    assert first.removed.difference.low > 0.5
    assert first.removed.elsewhere.value == pytest.approx(0.0, abs=0.01)
    assert "which cannot be disease" in found.sentence


def test_removing_the_mark_changes_the_probability_by_what_the_model_says(marked: tuple[Cases, NDArray[np.bool_]]) -> None:
    """Computed on paper: the probability with the mark, less that of the tissue around it."""
    found = search(marked[0], by_place(marked[1], 0.65, 10.0)).findings[0]
    expected = squashed(10 * (1.0 - 0.65)) - squashed(10 * (0.35 - 0.65))
    assert found.removed.here.value == pytest.approx(float(expected), abs=0.06)


def test_a_mark_that_the_model_ignores_is_mentioned_as_harmless(marked: tuple[Cases, NDArray[np.bool_]]) -> None:
    found = search(marked[0], by_lesion)
    assert found.severity == "none"
    assert [(f.where, f.severity) for f in found.findings] == [("the upper-right corner", "none")]
    assert "does not measurably depend on a bright mark in the upper-right corner" in found.findings[0].sentence


def test_a_model_that_reads_the_lesion_follows_it() -> None:
    found = search(cases()[0], by_lesion)
    assert found.severity == "none"
    assert found.surroundings is not None
    assert "follows the lesion more" in found.surroundings.sentence
    assert "no proof" in found.sentence


def test_where_neither_lesion_nor_surroundings_move_the_prediction_neither_is_said_to_be_followed() -> None:
    surroundings = np.ones(SHAPE, dtype=bool)
    surroundings[12:36, 12:36] = False
    found = search(cases()[0], by_place(surroundings, 0.35, 0.5))
    assert found.surroundings is not None
    assert (found.surroundings.follows_surroundings.low or 0.0) > (found.surroundings.follows_lesion.high or 0.0)
    assert "neither moves the prediction by as much as matters (0.05)" in found.surroundings.sentence


def test_a_small_effect_beside_none_is_not_said_to_matter() -> None:
    nothing = PlaceEffect(here=Measured(value=0.0), elsewhere=Measured(value=0.0), difference=Measured(value=0.0))
    small = SurroundEffect(
        lesion_removed=nothing,
        follows_lesion=Measured(value=0.0, low=-0.01, high=0.01),
        follows_surroundings=Measured(value=0.05, low=0.03, high=0.07),
        sentence="-",
    )
    assert "neither is shown to move the prediction" in surround_sentence(small, 0.05)
    assert "follows the surroundings more" in surround_sentence(small, 0.02)


def test_letters_that_every_image_carries_are_found_by_exchange() -> None:
    plain, labels = cases()
    plant = laterality_token(SHAPE, "lower-left")
    images, _ = planted(plain.images, labels, plant, 0.95, np.random.default_rng(2))
    right = plant.present(np.zeros((1, *SHAPE), np.float32))[0] > 0
    left = plant.absent(np.zeros((1, *SHAPE), np.float32))[0] > 0

    def reads(x: NDArray[np.float32]) -> NDArray[np.float64]:
        return both(squashed(12 * (x[:, 0, right & ~left].mean(axis=1) - x[:, 0, left & ~right].mean(axis=1))))

    found = search(Cases(images, labels, plain.patients, plain.masks), reads)
    assert (found.findings[0].where, found.findings[0].severity) == ("the lower-left corner", "shortcut")
    assert (found.findings[0].transplanted.difference.low or 0) > 0.5


def test_a_ruler_is_named() -> None:
    plain, labels = cases()
    plant = ruler(SHAPE, "right")
    images, _ = planted(plain.images, labels, plant, 0.95, np.random.default_rng(3))
    found = search(Cases(images, labels, plain.patients, plain.masks), by_place(plant.place, 0.65, 10.0))
    assert (found.findings[0].where, found.findings[0].look) == ("the right border", "ruler-like row of ticks")


def test_brightness_of_a_border_is_named() -> None:
    plain, labels = cases()
    place = borders(SHAPE)["the lower border"]
    images = plain.images + (0.3 * place * labels[:, None, None, None]).astype(np.float32)
    found = search(Cases(images, labels, plain.patients, plain.masks), by_place(place, 0.5, 20.0))
    assert (found.findings[0].where, found.findings[0].look) == ("the lower border", "brightness of the border")
    assert found.severity == "shortcut"


def test_without_recorded_lesions_dependence_on_the_middle_is_no_shortcut() -> None:
    plain, labels = cases()
    found = search(Cases(plain.images, labels, plain.patients), by_lesion)
    assert found.severity == "none"
    assert found.surroundings is None


def test_the_same_generator_gives_the_same_record(marked: tuple[Cases, NDArray[np.bool_]]) -> None:
    predict = by_place(marked[1], 0.65, 10.0)
    assert search(marked[0], predict, 3) == search(marked[0], predict, 3)
    assert ShortcutAudit.model_validate_json(search(marked[0], predict, 3).model_dump_json()) == search(marked[0], predict, 3)


def test_no_patient_is_searched_on_and_tested_on() -> None:
    plain, labels = cases()
    few = Cases(plain.images, labels, np.array([f"p{i // 3}" for i in range(N)]), plain.masks)
    found = search(few, by_lesion, limits=Limits(searched=24, tested=60))
    assert found.patients <= N // 3
    assert found.searched + found.tested <= N


def test_ten_images_are_too_few() -> None:
    found = search(cases(10)[0], by_lesion)
    assert (found.severity, found.findings) == ("too few cases", ())
    assert "at least 16" in found.sentence


def test_one_sigmoid_output_is_enough(marked: tuple[Cases, NDArray[np.bool_]]) -> None:
    predict = by_place(marked[1], 0.65, 10.0)
    found = search(marked[0], lambda images: predict(images)[:, 1:])
    assert (found.findings[0].where, found.severity) == ("the upper-right corner", "shortcut")


def test_logits_are_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="expected probabilities"):
        search(cases()[0], lambda images: 9 * by_lesion(images))


def test_volumes_are_refused() -> None:
    volume = Cases(np.zeros((20, 1, 4, 8, 8), np.float32), np.zeros(20, np.int64), np.array([str(i) for i in range(20)]))
    with pytest.raises(InputError, match="hand in slices"):
        search(volume, by_lesion)


def test_progress_is_told(marked: tuple[Cases, NDArray[np.bool_]]) -> None:
    told: list[tuple[int, int]] = []
    find_shortcuts(marked[0], by_lesion, np.random.default_rng(0), progress=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 0

"""Models whose evidence is known: what is planted is where it is said to be, and the judge is right about them."""

import numpy as np
import pytest
import torch

from pellucid.audit.cases import Bench, Cases
from pellucid.audit.map_controls import CONTROLS
from pellucid.audit.map_trial import try_methods
from pellucid.audit.shortcut import find_shortcuts
from pellucid.audit.verdict import verdict
from pellucid.errors import InputError
from pellucid.explain import recognise
from pellucid.train.classifier import probabilities
from pellucid.trial.known_evidence import PLANTS, CountingNet, counted, counting, planted, scanner_mark, taught
from pellucid.trial.subject import random_weights

SHAPE = (64, 64)


def pictures(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise with a blob that is brighter where the label is one."""
    rng = np.random.default_rng(seed)
    images = 0.2 + 0.3 * np.kron(rng.random((n, 1, 16, 16)), np.ones((4, 4))) + 0.05 * rng.standard_normal((n, 1, *SHAPE))
    labels = rng.integers(0, 2, n)
    for i, (y, x) in enumerate(rng.integers(20, 34, (n, 2))):
        images[i, 0, y : y + 10, x : x + 10] += 0.1 + 0.15 * labels[i]
    return np.clip(images, 0, 1).astype(np.float32), labels


@pytest.mark.parametrize("kind", PLANTS)
def test_a_plant_changes_its_place_and_nothing_else(kind: str) -> None:
    maker, places = PLANTS[kind]
    image = np.full((1, *SHAPE), 0.3, np.float32)
    for place in places:
        plant = maker(SHAPE, place)
        differs = (plant.present(image) != plant.absent(image))[0]
        assert differs.any()
        assert not (differs & ~plant.place).any()


def test_it_agrees_with_the_label_as_often_as_asked() -> None:
    images, labels = pictures(400)
    _, stands = planted(images, labels, scanner_mark(SHAPE), 0.9, np.random.default_rng(0))
    assert (stands == (labels == 1)).mean() == pytest.approx(0.9, abs=0.04)


def test_normalised_images_are_refused() -> None:
    images, labels = pictures(4)
    with pytest.raises(InputError, match="plant before normalising"):
        planted(images * 2 - 1, labels, scanner_mark(SHAPE), 0.9, np.random.default_rng(0))


def test_the_counting_net_is_what_is_written_on_paper() -> None:
    region = np.zeros(SHAPE, bool)
    region[:20, :20] = True
    net = CountingNet(region, threshold=0.5, weight=0.2, bias=-2.0)
    images, _ = pictures(5)
    expected = 0.2 * np.maximum(images[:, 0, :20, :20] - 0.5, 0).sum(axis=(1, 2)) - 2.0
    with torch.no_grad():
        assert net(torch.from_numpy(images)).numpy()[:, 1] == pytest.approx(expected, abs=1e-4)
    exact = counted(net, images, np.ones(5, np.int64))
    assert exact.sum(axis=(1, 2)) == pytest.approx(expected + 2.0, abs=1e-4)
    assert not exact[:, ~region].any()


def bench_of(name: str) -> Bench:
    """The exact explanation of a counting net, or a control in its place."""
    region = np.zeros(SHAPE, bool)
    region[4:24, 30:50] = True
    images, _ = pictures(24)
    net = counting(images, region)
    subject = recognise(net, (1, *SHAPE), name="counting net")
    stages = [s for share in (0.5, 1.0) if (s := random_weights(subject, share, 0)) is not None]
    predict = lambda module: lambda x: probabilities(module, x)  # noqa: E731 - a table of two
    targets = predict(net)(images).argmax(axis=1)
    cases = Cases(images, targets, np.array([str(i) for i in range(24)]))
    fixed = lambda x, t: CONTROLS[name](Cases(x, t, np.array([str(i) for i in range(len(x))])), np.random.default_rng(0))  # noqa: E731
    exact = lambda module: fixed if name in CONTROLS else lambda x, t: counted(module, x, t)  # noqa: E731
    randomised = tuple((f"stage {i}", predict(s.module), exact(s.module)) for i, s in enumerate(stages))
    return Bench(cases, predict(net), exact(net), exact(net)(images, targets), 0, randomised)


@pytest.mark.parametrize(("name", "refused"), [("exact", False), ("edge detector", True), ("centre blob", True)])
def test_the_verdict_keeps_the_exact_explanation_and_refuses_what_does_not_look_at_the_model(name: str, refused: bool) -> None:
    results = try_methods({name: bench_of(name)}, ("MPRT", "ROAD", "insertion", "noise stability"))[name]
    assert (verdict(results).grade == "not usable") == refused


def test_a_shortcut_planted_in_a_trained_net_is_named_and_its_clean_twin_is_not_accused() -> None:
    images, labels = pictures(220)
    patients = np.array([f"p{i}" for i in range(220)])
    plant = scanner_mark(SHAPE, "lower-left")
    said = []
    for agreement in (0.97, 0.5):
        shown, _ = planted(images, labels, plant, agreement, np.random.default_rng(1))
        net = taught(shown[:120], labels[:120], seed=0, epochs=12)
        cases = Cases(shown[120:], labels[120:], patients[120:])
        said.append(find_shortcuts(cases, lambda x, net=net: probabilities(net, x), np.random.default_rng(0)))
    assert (said[0].severity, said[0].findings[0].where) == ("shortcut", "the lower-left corner")
    assert said[1].severity == "none"

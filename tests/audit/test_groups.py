"""Sites and scanners: a difference among cases of one label is told; one that labels explain is not."""

import numpy as np
import pytest

from pellucid.audit.groups import group_effect
from pellucid.errors import InputError
from pellucid.record.shortcut import GroupEffect

N = 240


def effect(by_site: float, seed: int = 0, images_per_patient: int = 1) -> GroupEffect:
    rng = np.random.default_rng(seed)
    site = rng.integers(0, 3, N // images_per_patient).repeat(images_per_patient)
    labels = rng.random(N) < np.array([0.2, 0.5, 0.8])[site]
    predicted = np.clip(0.3 + 0.3 * labels + by_site * (site - 1) + 0.1 * rng.standard_normal(N), 0, 1)
    patients = np.arange(N // images_per_patient).repeat(images_per_patient).astype(str)
    return group_effect(predicted, labels, np.array(["A", "B", "C"])[site], patients, rng, names=("the sites", "malignant"))


def test_predictions_that_follow_the_site_are_told() -> None:
    found = effect(0.15)
    assert found.severity == "suspicion"
    assert found.gap_given_label.value == pytest.approx(0.3, abs=0.06)
    assert found.follows_base_rate.value == pytest.approx(1.0)
    assert "differs between the sites" in found.sentence


def test_sites_that_differ_in_base_rate_only_are_not_accused() -> None:
    found = [effect(0.0, seed) for seed in range(20)]
    assert sum(f.severity != "none" for f in found) <= 2
    assert found[0].groups[0].base_rate < found[0].groups[2].base_rate
    assert found[0].groups[0].predicted < found[0].groups[2].predicted


def test_many_images_of_a_patient_do_not_make_a_site() -> None:
    """Patients differ, sites do not: five images of each are no more evidence than one."""
    rng = np.random.default_rng(5)
    patients = np.arange(40).repeat(6)
    own = 0.2 * rng.standard_normal(40)
    wrong = 0
    for _ in range(20):
        site = rng.integers(0, 2, 40)
        found = group_effect(
            np.clip(0.5 + own[patients], 0, 1), np.ones(240, bool), site[patients].astype(str), patients.astype(str), rng
        )
        wrong += found.p_value is not None and found.p_value < 0.05
    assert wrong <= 3


def test_one_site_is_too_little() -> None:
    rng = np.random.default_rng(0)
    found = group_effect(rng.random(30), rng.random(30) < 0.5, np.full(30, "A"), np.arange(30).astype(str), rng)
    assert found.severity == "too few cases"
    assert found.gap_given_label.value is None


def test_lengths_that_differ_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="one prediction, label, group and patient per case"):
        group_effect(rng.random(3), np.ones(4, bool), np.full(4, "A"), np.full(4, "p"), rng)

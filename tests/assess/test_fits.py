"""Whether a diagnosis accounts for an image, exactly over what is not known."""

from types import ModuleType

import pytest

from pellucid.assess.fits import fit_of, possible_fits
from pellucid.assess.pair import judge
from pellucid.knowledge.concordance import load_table

TABLE = load_table("breast")
EXPECTED = {e.phenotype: e for e in TABLE.expectations}


@pytest.mark.parametrize(
    ("phenotype", "diagnosis", "level", "history", "fit"),
    [
        ("circumscribed mass", "fibroadenoma", "moderate", (), "explained"),
        ("circumscribed mass", "focal fibrosis", "low", (), "explained"),
        ("circumscribed mass", "focal fibrosis", "moderate", (), "not accepted"),
        ("circumscribed mass", "fat necrosis", "low", (), "not accepted"),
        ("circumscribed mass", "fat necrosis", "low", ("trauma",), "explained by history"),
        ("circumscribed mass", "fat necrosis", "low", ("lactation",), "not accepted"),
        ("circumscribed mass", "normal breast tissue", "benign", (), "not accepted"),
        ("circumscribed mass", "diabetic mastopathy", "low", (), "not in the table"),
        ("spiculated or highly suspicious irregular mass", "fibroadenoma", "high", (), "not accepted"),
        ("spiculated or highly suspicious irregular mass", "granular cell tumor", "high", (), "explained"),
        ("linear or segmental calcifications", "duct ectasia", "high", (), "not accepted"),
    ],
)
def test_the_table_of_expectations(phenotype: str, diagnosis: str, level: str, history: tuple[str, ...], fit: str) -> None:
    assert fit_of(EXPECTED[phenotype], diagnosis, level, frozenset(history)) == fit


def fits(pairs: ModuleType, image: object, tissue: object) -> set[str]:
    judged = judge(image, tissue, TABLE)  # pyright: ignore[reportArgumentType] - made by pairs
    return set(possible_fits(tissue, judged.facts, TABLE))  # pyright: ignore[reportArgumentType] - made by pairs


def test_a_wholly_known_pair_has_one_fit(pairs: ModuleType) -> None:
    assert fits(pairs, pairs.image("4A", pairs.BENIGN_MASS), pairs.tissue("fibroadenoma")) == {"explained"}
    assert fits(pairs, pairs.image("4C", pairs.SPICULATED_MASS), pairs.tissue("fibroadenoma")) == {"not accepted"}


def test_one_of_several_diagnoses_is_enough(pairs: ModuleType) -> None:
    tissue = pairs.tissue("normal breast tissue", "fibroadenoma")
    assert fits(pairs, pairs.image("4A", pairs.BENIGN_MASS), tissue) == {"explained"}


def test_an_unknown_sign_that_does_not_matter_leaves_one_fit(pairs: ModuleType) -> None:
    """Whatever the orientation, an oval circumscribed mass is explained by a fibroadenoma."""
    known = [f for f in pairs.BENIGN_MASS if f.concept != "orientation"]
    assert fits(pairs, pairs.image("4A", tuple(known)), pairs.tissue("fibroadenoma")) == {"explained"}


def test_an_unknown_sign_that_matters_leaves_several(pairs: ModuleType) -> None:
    findings = (pairs.seen("shape", "oval"), pairs.seen("margin"), pairs.seen("spiculated"))
    assert fits(pairs, pairs.image("4A", findings), pairs.tissue("fibroadenoma")) == {"explained", "not accepted"}


def test_without_any_sign_the_table_has_nothing_to_say(pairs: ModuleType) -> None:
    assert fits(pairs, pairs.image("4A"), pairs.tissue("fibroadenoma")) == {"not in the table"}


def test_words_that_nobody_knows_leave_every_fit_open(pairs: ModuleType) -> None:
    tissue = pairs.tissue("fibroadenoma", unknown=("schwannoma",))
    assert len(fits(pairs, pairs.image("4A", pairs.BENIGN_MASS), tissue)) == 4

"""Several lesions of one examination: who drives, the exact distribution of the most suspicious, what is left open."""

import itertools
from pathlib import Path

import pytest

from pellucid.assess.lesions import assess_stated
from pellucid.assess.typed import read_typed
from pellucid.assess.verify import verify
from pellucid.errors import InputError, UnknownName
from pellucid.knowledge import load_guideline
from pellucid.record import Examination

LUNG = load_guideline("lung-cancer-screening")
THYROID = load_guideline("thyroid-nodule")
QUIET = "nodule_type: solid, benign_content: absent, juxtapleural: absent, margin: not smooth"


def lung(tmp_path: Path, lesions: str, questions: tuple[str, ...] = ("nodule",)) -> Examination:
    file = tmp_path / "findings.yaml"
    file.write_text(
        f"by: Dr A\nfindings: {{setting: screening, age: 64, status: baseline}}\nlesions:\n{lesions}", encoding="utf-8"
    )
    return assess_stated(read_typed(file, LUNG), LUNG, questions)


def test_the_most_suspicious_nodule_drives(tmp_path: Path) -> None:
    made = lung(tmp_path, f"  small: {{{QUIET}, mean_diameter: 5 ± 0 mm}}\n  large: {{{QUIET}, mean_diameter: 16 ± 0 mm}}\n")
    (combined,) = made.combined
    assert (combined.assessment.category, combined.drives) == ("4B", ("large",))
    assert "by large" in combined.assessment.derivation.claim
    assert [step.claim for step in combined.assessment.derivation.because[0].because] == ["small: 2", "large: 4B"]
    assert combined.assessment.derivation.because[0].citation


def test_the_distribution_is_that_of_the_most_suspicious_of_independent_lesions(tmp_path: Path) -> None:
    lesions = "".join(f"  n{i}: {{{QUIET}, mean_diameter: {size} ± 0.75 mm}}\n" for i, size in enumerate((5.8, 7.7, 8.2)))
    made = lung(tmp_path, lesions)
    got = made.combined[0].assessment.probabilities
    order = ["not classified", "guideline silent", "not applicable", "1", "2", "3", "4A", "4B", "4X"]
    expected = dict.fromkeys(order, 0.0)
    each = [lesion.reading.assessments[0].probabilities for lesion in made.lesions]
    for combo in itertools.product(order, repeat=3):
        weight = each[0][combo[0]] * each[1][combo[1]] * each[2][combo[2]]
        expected[max(combo, key=order.index)] += weight
    assert got == pytest.approx(expected, abs=2e-6)


def test_a_lesion_that_could_be_worse_leaves_the_examination_open(tmp_path: Path) -> None:
    made = lung(tmp_path, f"  known: {{{QUIET}, mean_diameter: 5 ± 0 mm}}\n  open: {{{QUIET}}}\n")
    a = made.combined[0].assessment
    assert a.category is None
    assert "open could be more suspicious" in str(a.abstained_because)


def test_four_nodules_are_followed_and_two_sampled_in_the_thyroid(tmp_path: Path) -> None:
    common = "composition: solid, echogenicity: hypoechoic, shape: wider than tall, margin: smooth, comet_tail: absent"
    none = "macrocalcification: absent, rim_calcification: absent, punctate_foci: absent"
    lesions = "".join(f"  {n}: {{{common}, {none}, diameter: {16 + 2 * i} ± 0 mm}}\n" for i, n in enumerate("abcde"))
    (tmp_path / "thyroid.yaml").write_text(f"by: Dr A\nlesions:\n{lesions}", encoding="utf-8")
    made = assess_stated(read_typed(tmp_path / "thyroid.yaml", THYROID), THYROID, ("management",))
    (combined,) = made.combined
    assert combined.followed == ("e", "d", "c", "b")
    assert combined.sampled == ("e", "d")


def test_points_rank_thyroid_nodules_before_their_size(tmp_path: Path) -> None:
    none = "macrocalcification: absent, rim_calcification: absent, comet_tail: absent, margin: smooth"
    worst = f"composition: solid, echogenicity: very hypoechoic, shape: taller than wide, {none}, punctate_foci: present"
    plain = f"composition: solid, echogenicity: isoechoic, shape: wider than tall, {none}, punctate_foci: absent"
    (tmp_path / "t.yaml").write_text(
        f"by: Dr A\nlesions:\n  big: {{{plain}, diameter: 40 ± 0 mm}}\n  mid: {{{plain}, diameter: 30 ± 0 mm}}\n"
        f"  bad: {{{worst}, diameter: 11 ± 0 mm}}\n",
        encoding="utf-8",
    )
    (combined,) = assess_stated(read_typed(tmp_path / "t.yaml", THYROID), THYROID, ("management",)).combined
    assert combined.sampled == ("bad", "big")


def test_only_nodules_that_are_to_be_sampled_by_themselves_are_chosen_for_sampling(tmp_path: Path) -> None:
    none = "shape: wider than tall, macrocalcification: absent, rim_calcification: absent, comet_tail: absent"
    common = f"composition: solid, echogenicity: hypoechoic, {none}"
    worst, plain = (
        f"{common}, margin: lobulated or irregular, punctate_foci: present",
        f"{common}, margin: smooth, punctate_foci: absent",
    )
    each = {"a": (worst, 8), "a2": (worst, 7), "b": (plain, 20), "c": (plain, 18), "tiny": (worst, 4)}
    lesions = "".join(f"  {name}: {{{told}, diameter: {size} ± 0 mm}}\n" for name, (told, size) in each.items())
    (tmp_path / "t.yaml").write_text(f"by: Dr A\nlesions:\n{lesions}", encoding="utf-8")
    made = assess_stated(read_typed(tmp_path / "t.yaml", THYROID), THYROID)
    level, management = made.combined
    assert (management.drives, management.sampled, management.followed) == (("b", "c"), ("b", "c"), ("a", "a2", "b", "c"))
    assert (level.drives, level.sampled, level.followed) == (("a", "a2", "tiny"), (), ())


def test_no_nodule_is_named_for_sampling_where_none_is_to_be_sampled(tmp_path: Path) -> None:
    common = "composition: solid, echogenicity: hypoechoic, shape: wider than tall, margin: smooth, comet_tail: absent"
    none = "macrocalcification: absent, rim_calcification: absent, punctate_foci: absent"
    lesions = "".join(f"  {n}: {{{common}, {none}, diameter: {size} ± 0 mm}}\n" for n, size in (("a", 12), ("b", 8)))
    (tmp_path / "t.yaml").write_text(f"by: Dr A\nlesions:\n{lesions}", encoding="utf-8")
    (combined,) = assess_stated(read_typed(tmp_path / "t.yaml", THYROID), THYROID, ("management",)).combined
    assert (combined.assessment.category, combined.followed, combined.sampled) == ("follow-up", ("a",), ())


def test_a_guideline_that_was_only_presumed_to_apply_says_so(tmp_path: Path) -> None:
    made = lung(tmp_path, f"  one: {{{QUIET}, mean_diameter: 5 mm}}\n")
    told = [caution.text for caution in made.lesions[0].reading.cautions if caution.kind == "input"]
    assert told == ["The guideline was taken to apply: nobody has stated known lung cancer."]


def test_findings_of_another_system_verify_as_stated(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text(
        f"by: {{name: VendorX 2, kind: model}}\nfindings: {{{QUIET}, mean_diameter: 5 mm, status: baseline}}\n", encoding="utf-8"
    )
    reading = assess_stated(read_typed(tmp_path / "v.yaml", LUNG), LUNG, ("nodule",)).lesions[0].reading
    assert verify(reading.as_json()).ok


def test_each_lesion_is_a_reading_that_verifies_without_an_image(tmp_path: Path) -> None:
    made = lung(tmp_path, f"  one: {{{QUIET}, mean_diameter: 7.9 ± 0.5 mm}}\n")
    (lesion,) = made.lesions
    assert made.combined == ()
    assert lesion.reading.study.pixels_sha256 is None
    assert lesion.reading.assessments[0].category == "3"
    assert verify(lesion.reading.as_json()).ok


def test_what_nobody_stated_gives_no_answer_where_it_decides(tmp_path: Path) -> None:
    file = tmp_path / "findings.yaml"
    file.write_text(f"by: Dr A\nfindings: {{age: 64, {QUIET}, mean_diameter: 7 ± 0 mm}}\n", encoding="utf-8")
    a = assess_stated(read_typed(file, LUNG), LUNG, ("nodule",)).lesions[0].reading.assessments[0]
    assert a.category is None
    assert "nobody has stated: course since the earlier CT" in str(a.abstained_because)


def test_contradicting_certain_findings_are_refused_in_one_line(tmp_path: Path) -> None:
    text = "  one: {nodule_type: part-solid, mean_diameter: 6 ± 0 mm, solid_diameter: 9 ± 0 mm}\n"
    with pytest.raises(InputError, match=r"solid .*cannot both be so") as caught:
        lung(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["lung-cancer-screening", "incidental-lung-nodule"])
def test_a_mean_diameter_beyond_the_longest_one_is_refused_unless_the_error_explains_it(tmp_path: Path, name: str) -> None:
    pack, file = load_guideline(name), tmp_path / "f.yaml"

    def made(mean: str, longest: str, by: str = "Dr A") -> Examination:
        said = f"nodule_type: solid, mean_diameter: {mean}, long_axis: {longest}"
        file.write_text(f"by: {by}\nfindings:\n  {{{said}}}\n", encoding="utf-8")
        return assess_stated(read_typed(file, pack), pack)

    for mean, longest in (("11 mm", "8 mm"), ("8.1 ± 0 mm", "8 mm"), ("9.5 mm", "8 mm")):
        with pytest.raises(
            InputError, match=r"f.yaml:3: .*mean diameter .* and longest diameter 8 mm .*cannot both be so: the mean"
        ):
            made(mean, longest)
    for mean, longest in (("8 mm", "11 mm"), ("8 mm", "8 mm"), ("9.4 mm", "8 mm")):
        told = [caution.text for caution in made(mean, longest).lesions[0].reading.cautions]
        assert not any("longer one" in text for text in told)
    told = [
        c.kind for c in made("11 mm", "8 mm", "{name: V 2, kind: model}").lesions[0].reading.cautions if "longer one" in c.text
    ]
    assert told == ["contradiction"]


def test_unknown_question_offers_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'nodule'"):
        lung(tmp_path, f"  one: {{{QUIET}}}\n", ("nodul",))


def test_a_changed_examination_no_longer_fits_its_id(tmp_path: Path) -> None:
    made = lung(tmp_path, f"  small: {{{QUIET}, mean_diameter: 5 mm}}\n  large: {{{QUIET}, mean_diameter: 16 mm}}\n")
    again = Examination.model_validate_json(made.as_json())
    assert again == made
    forged = made.as_json().replace('"large"\n   ],\n   "followed"', '"small"\n   ],\n   "followed"')
    assert forged != made.as_json()
    with pytest.raises(ValueError, match="it was changed"):
        Examination.model_validate_json(forged)


def test_a_contradiction_is_told_with_the_line_of_what_contradicts(tmp_path: Path) -> None:
    text = "  one: {nodule_type: solid}\n  two:\n    nodule_type: part-solid\n"
    text += "    solid_diameter: 9 ± 0 mm\n    mean_diameter: 6 ± 0 mm\n"
    with pytest.raises(
        InputError, match=r"findings.yaml:8: two: expected findings that can be so together, got: .*solid"
    ) as caught:
        lung(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_what_the_engine_refuses_is_told_with_lesion_and_line(tmp_path: Path) -> None:
    shares = "status: {stable: 0.5, decreased: 0.5}, doubling_within_a_year: present"
    with pytest.raises(InputError, match=r"findings.yaml:5: two: .*expected findings that can be so together") as caught:
        lung(tmp_path, f"  one: {{{QUIET}}}\n  two: {{nodule_type: solid, {shares}}}\n")
    assert "\n" not in str(caught.value)


def test_a_course_worked_out_against_a_stated_doubling_is_refused(tmp_path: Path) -> None:
    sizes = "mean_diameter: 8 ± 0.2 mm, earlier: {interval_months: 12, mean_diameter: 8 ± 0.2 mm}"
    body = f"by: Dr A\nfindings: {{nodule_type: non-solid, doubling_within_a_year: present, {sizes}}}\n"
    body = body.replace(", earlier: {", "}\nearlier: {").replace("}}", "}")
    (tmp_path / "f.yaml").write_text(body, encoding="utf-8")
    typed = read_typed(tmp_path / "f.yaml", LUNG)
    with pytest.raises(InputError, match=r"f.yaml:2: .*stable \(worked out from other findings\)"):
        assess_stated(typed, LUNG, ("nodule",))

"""The block `earlier`: read strictly, with its place, and refused in one line where it cannot be."""

from pathlib import Path

import pytest

from pellucid.assess.lesions import assess_stated
from pellucid.assess.typed import Typed, read_typed
from pellucid.assess.verify import verify
from pellucid.errors import GuidelineError
from pellucid.knowledge import Guideline, load_guideline, template
from pellucid.record import Finding

LUNG = load_guideline("lung-cancer-screening")


def read(tmp_path: Path, body: str, pack: Guideline = LUNG) -> Typed:
    (tmp_path / "f.yaml").write_text(f"by: Dr A\n{body}", encoding="utf-8")
    return read_typed(tmp_path / "f.yaml", pack)


def the(typed: Typed, lesion: str, concept: str) -> Finding:
    return next(f for f in typed.lesions[lesion] if f.concept == concept)


def test_an_earlier_measurement_stands_with_its_lesion(tmp_path: Path) -> None:
    typed = read(
        tmp_path,
        "findings: {setting: screening}\nearlier: {interval_months: 12}\nlesions:\n"
        "  a: {mean_diameter: 8 ± 0.5 mm, earlier: {interval_months: 6, mean_diameter: 6.1 ± 0.4 mm}}\n"
        "  b: {mean_diameter: 8 mm, solid_diameter: 4, earlier: {mean_diameter: 7, solid_diameter: 3 mm}}\n"
        "  c: {mean_diameter: 5 mm}\n",
    )
    first = the(typed, "a", "mean_diameter").earlier
    assert first is not None
    assert (first.value, first.sd, first.months, first.reading) == (6.1, 0.4, 6.0, None)
    second, part = (the(typed, "b", name).earlier for name in ("mean_diameter", "solid_diameter"))
    assert second is not None
    assert part is not None
    assert (second.sd, second.months, part.value) == (0.75, 12.0, 3.0)
    assert the(typed, "c", "mean_diameter").earlier is None


def test_one_lesion_may_have_the_block_at_the_top_and_its_interval_from_the_findings(tmp_path: Path) -> None:
    typed = read(tmp_path, "findings: {mean_diameter: 8, months_since_previous: 6}\nearlier: {mean_diameter: 6}\n")
    earlier = the(typed, "the examination", "mean_diameter").earlier
    assert earlier is not None
    assert earlier.months == 6.0


def test_growth_reaches_the_category_as_a_probability_and_verifies(tmp_path: Path) -> None:
    body = (
        "findings: {setting: screening, nodule_type: solid, benign_content: absent, juxtapleural: absent, "
        "mean_diameter: 7 ± 0.5 mm}\nearlier: {interval_months: 12, mean_diameter: 5.2 ± 0.5 mm}\n"
    )
    reading = assess_stated(read(tmp_path, body), LUNG, ("nodule",)).lesions[0].reading
    status = reading.finding("status")
    assert status is not None
    assert status.because is not None
    grown = dict(zip(status.states or (), status.probabilities or (), strict=True))["growing"]
    a = reading.assessments[0]
    assert a.category == "4A"
    from_8 = 0.028717  # the normal tail beyond 1.9 standard deviations: 8.0 mm, rounded to 0.1 mm, begins at 7.95 mm
    assert a.probabilities["4A"] + a.probabilities["4B"] == pytest.approx(grown + (1 - grown) * from_8, abs=1e-5)
    assert "[Lung-RADS v2022, growth]" in a.derivation.as_text()
    assert "5.2 ± 0.5 mm and, 12 months later, 7 ± 0.5 mm" in a.derivation.as_text()
    assert verify(reading.as_json()).ok


def test_a_stated_course_stands_with_a_caution(tmp_path: Path) -> None:
    size = "mean_diameter: 7 ± 0.3 mm"
    body = f"findings: {{nodule_type: solid, {size}, status: %s}}\nearlier: {{interval_months: 12, {size}}}\n"
    for state, kind in (("growing", "contradiction"), ("stable", "input")):
        reading = assess_stated(read(tmp_path, body % state), LUNG, ("nodule",)).lesions[0].reading
        assert [f.state for f in reading.findings if f.concept == "status"] == [state]
        told = [c for c in reading.cautions if "beside two measurements" in c.text]
        assert [c.kind for c in told] == [kind]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("findings: {mean_diameter: 8}\nearlier: {mean_diameter: 6}\n", r"f.yaml:3: expected the key 'interval_months': without"),
        ("findings: {mean_diameter: 8}\nearlier: {interval_months: 0, mean_diameter: 6}\n", r"f.yaml:3: .*above 0 and .*got 0"),
        ("findings: {mean_diameter: 8}\nearlier: {interval_months: -6, mean_diameter: 6}\n", r"f.yaml:3: .*got -6"),
        ("findings: {mean_diameter: 8}\nearlier: {interval_months: unknown, mean_diameter: 6}\n", r"f.yaml:3: .*got 'unknown'"),
        ("findings: {mean_diameter: 8}\nearlier: {interval_months: 6000, mean_diameter: 6}\n", r"f.yaml:3: .*at most 1200"),
        ("findings: {mean_diameter: 8}\nearlier: {interval_months: true, mean_diameter: 6}\n", r"f.yaml:3: .*got True"),
        (
            "findings: {mean_diameter: 8, age: 50}\nearlier: {interval_months: 700, mean_diameter: 6}\n",
            r"f.yaml:3: .*within the 50 years that the patient has lived, got 700",
        ),
        (
            "findings: {mean_diameter: 8, months_since_previous: 12}\nearlier: {interval_months: 6, mean_diameter: 6}\n",
            r"f.yaml:3: expected interval_months of 12 or more, the months_since_previous: .*got 6",
        ),
        (
            "findings: {mean_diameter: 8}\nearlier: {interval_months: 6}\n",
            r"f.yaml:3: expected an earlier mean_diam",
        ),
        ("findings: {mean_diameter: 8}\nearlier: {interval_months: 6, mean_diameter: 0.6 cm}\n", r"f.yaml:3: expected mean_diam"),
        ("findings: {mean_diameter: 8}\nearlier: {interval_months: 6, margin: smooth}\n", r"f.yaml:3: unknown key 'margin'"),
        (
            "findings: {mean_diameter: unknown}\nearlier:\n  interval_months: 6\n  mean_diameter: 6\n",
            r"f.yaml:5: expected mean_diameter of this examination beside the earlier one, got none",
        ),
        (
            "findings: {mean_diameter: 8, status: baseline}\nearlier: {interval_months: 6, mean_diameter: 6}\n",
            r"f.yaml:3: expected no earlier measurement of a lesion whose status is stated as baseline",
        ),
        (
            "earlier: {mean_diameter: 6}\nlesions: {a: {mean_diameter: 8}, b: {mean_diameter: 9}}\n",
            r"f.yaml:2: expected only interval_months in the `earlier` of several lesions; a measurement stands with its lesion",
        ),
        (
            "findings: {mean_diameter: 8}\nearlier: {interval_months: 6, mean_diameter: 6 ± 60 mm}\n",
            r"f.yaml:3: expected an err",
        ),
    ],
)
def test_what_cannot_be_is_one_line_with_its_place(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(GuidelineError, match=said) as caught:
        read(tmp_path, body)
    assert "\n" not in str(caught.value)


def test_a_guideline_without_a_criterion_of_growth_takes_no_earlier_measurement(tmp_path: Path) -> None:
    with pytest.raises(GuidelineError, match=r"f.yaml:3: expected no `earlier`, for thyroid-nodule has no criterion of growth"):
        read(tmp_path, "findings: {diameter: 8}\nearlier: {interval_months: 6, diameter: 6}\n", load_guideline("thyroid-nodule"))
    assert "earlier" not in template(load_guideline("thyroid-nodule"))


def test_a_ratio_that_means_nothing_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(GuidelineError, match=r"f.yaml:3: growth: expected the earlier diameter clear of zero"):
        read(
            tmp_path,
            "findings: {diameter: 9}\nearlier: {interval_months: 5, diameter: 4 ± 2 mm}\n",
            load_guideline("liver-lesion-ct-mr"),
        )


@pytest.mark.parametrize("name", ["lung-cancer-screening", "incidental-lung-nodule", "liver-lesion-ct-mr"])
def test_the_block_of_the_template_can_be_used_as_it_stands(tmp_path: Path, name: str) -> None:
    pack = load_guideline(name)
    form = template(pack)
    start = form.index("# earlier:\n")
    block = form[start:].split("\n\n")[0]
    filled = form.replace(block, "\n".join(line.removeprefix("# ").removeprefix("#") for line in block.splitlines()))
    for measure in ("mean_diameter", "solid_diameter", "diameter"):
        filled = filled.replace(f"\n  {measure}: unknown", f"\n  {measure}: 8 mm")
    (tmp_path / "form.yaml").write_text(filled, encoding="utf-8")
    (found,) = read_typed(tmp_path / "form.yaml", pack).lesions.values()
    assert all(f.earlier is not None for f in found if f.concept in ("mean_diameter", "solid_diameter", "diameter"))

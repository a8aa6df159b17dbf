"""`pellucid assess`: findings in, a justified answer out, without an image."""

import json
from pathlib import Path

import pytest

from pellucid.app.cli import main
from pellucid.knowledge import load_guideline, load_guideline_file

FORM = """by: Dr A
guideline: lung-cancer-screening
findings: {setting: screening, age: 64 years, status: baseline}
lesions:
  upper: {nodule_type: solid, mean_diameter: 7.9 ± 0.1 mm, benign_content: absent, juxtapleural: absent}
  lower: {nodule_type: solid, mean_diameter: 15 mm, benign_content: absent, juxtapleural: absent}
"""


@pytest.fixture
def form(tmp_path: Path) -> Path:
    (tmp_path / "ct.yaml").write_text(FORM, encoding="utf-8")
    return tmp_path / "ct.yaml"


def test_examination_comes_first_and_names_the_driving_nodule(form: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", str(form), "--question", "nodule"]) == 0
    told = capsys.readouterr().out
    assert "THE EXAMINATION\nNODULE\n  Very suspicious (category 4B). Driven by lower." in told
    assert told.index("THE EXAMINATION") < told.index("======== upper ========")
    assert "======== upper ========" in told
    assert "No image: the findings were stated" in told


def test_readings_are_written_whole_and_verify(form: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["assess", str(form), "--question", "nodule", "-o", str(out)]) == 0
    assert {p.name for p in out.iterdir()} == {"ct-upper.reading.json", "ct-lower.reading.json", "ct.examination.json"}
    assert main(["verify", str(out / "ct-upper.reading.json")]) == 0
    assert main(["report", str(out / "ct-upper.reading.json"), "--as", "html", "-o", str(out)]) == 0
    page = (out / "ct-upper.html").read_text(encoding="utf-8")
    assert "Lung cancer screening" in page
    assert "Where it was seen" not in page
    capsys.readouterr()


@pytest.fixture
def examination(form: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["assess", str(form), "--question", "nodule", "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    return tmp_path / "ct.examination.json"


def test_an_examination_verifies_is_reported_on_one_page_and_traced(
    examination: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(examination)]) == 0
    assert "together nodule" in capsys.readouterr().out
    assert main(["report", str(examination)]) == 0
    assert "Very suspicious (category 4B). Driven by lower." in capsys.readouterr().out
    assert main(["report", str(examination), "--as", "html", "-o", str(tmp_path / "out")]) == 0
    assert "Driven by lower." in (tmp_path / "out" / "ct.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["guidelines", "trace", str(examination)]) == 0
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if line.isupper() or line.startswith("LESION")] == [
        "THE EXAMINATION",
        "LESION upper",
        "LESION lower",
    ]
    assert told.count("  met     the category is 4B\n") == 1, "each lesion's own derivation is drawn once"


def test_a_tampered_examination_fails_and_names_the_lesion(examination: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(examination.read_text(encoding="utf-8"))
    content["lesions"][1]["reading"]["assessments"][0]["category"] = "2"
    examination.write_text(json.dumps(content), encoding="utf-8")
    assert main(["verify", str(examination)]) == 1
    out, err = capsys.readouterr()
    assert "FAIL  lower: assessment nodule" in out
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [["revise", "--set", "margin=smooth", "--by", "me"], ["compare"], ["report", "--image", "x.png"]],
    ids=lambda command: command[0],
)
def test_what_takes_one_lesion_says_so_of_an_examination(
    examination: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    after = [*command[1:], str(examination)] if command[0] == "compare" else command[1:]
    assert main([command[0], str(examination), *after]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "lesion" in error


def test_json_is_one_line(form: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["assess", str(form), "--question", "nodule", "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    assert [lesion["name"] for lesion in json.loads(line)["lesions"]] == ["upper", "lower"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("guideline: lung-cancer-screening\n", "", "expected a guideline, got none"),
        ("lung-cancer-screening", "lung-cancer-screning", "did you mean 'lung-cancer-screening'"),
        ("nodule_type: solid", "nodule_type: soild", "did you mean 'solid'"),
        ("15 mm", "1.5 cm", "expected mean_diameter in mm"),
        ("by: Dr A", "by: {name: X, kind: robot}", "expected person or model"),
    ],
)
def test_bad_input_is_one_line_and_a_non_zero_exit(
    form: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    form.write_text(FORM.replace(old, new), encoding="utf-8")
    assert main(["assess", str(form)]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_what_stays_open_exits_with_three(form: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form.write_text(FORM.replace(", status: baseline", "").replace("15 mm", "7 mm"), encoding="utf-8")
    assert main(["assess", str(form), "--question", "nodule"]) == 3
    assert "nobody has stated" in capsys.readouterr().out


BRAIN = "by: Dr A\nguideline: brain-tumour-mri-signs\nfindings: {location: sellar, waist: present}\n"


def test_signs_of_a_brain_tumour_are_weighed_kept_and_never_a_category(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "brain.yaml").write_text(BRAIN, encoding="utf-8")
    assert main(["assess", str(tmp_path / "brain.yaml"), "-o", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    for words in ("TO CONSIDER", "1. pituitary adenoma, sum 5", "No probability, and no category", "Next step, if so: Hormones"):
        assert words in told
    file = str(tmp_path / "brain.reading.json")
    assert main(["verify", file]) == 0
    assert "ok    signs mass" in capsys.readouterr().out
    assert main(["report", file]) == 0
    assert "1. pituitary adenoma, sum 5" in capsys.readouterr().out
    assert main(["guidelines", "trace", file]) == 0
    assert "met     +3 where the mass is: sellar" in capsys.readouterr().out


def test_a_revision_weighs_the_signs_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "brain.yaml").write_text(BRAIN, encoding="utf-8")
    assert main(["assess", str(tmp_path / "brain.yaml"), "-o", str(tmp_path)]) == 0
    file, new = str(tmp_path / "brain.reading.json"), str(tmp_path / "new.json")
    command = ["revise", file, "--set", "location=intra-axial", "--set", "waist=absent", "--by", "me", "-o", new]
    assert main(command) == 0
    assert "what the mass may be: pituitary adenoma (5) -> adult diffuse glioma (3)" in capsys.readouterr().out
    assert main(["verify", new]) == 0


@pytest.fixture
def own_pack(form: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with a pack that does not ship, and readings made with it in `out`."""
    folder = tmp_path / "packs" / "mine"
    folder.mkdir(parents=True)
    shipped = Path(load_guideline("lung-cancer-screening").file).read_text(encoding="utf-8")
    own = shipped.replace("\nname: lung-cancer-screening", "\nname: our-lungs")
    (folder / "guideline.yaml").write_text(own, encoding="utf-8")
    command = ["assess", str(form), "--guideline", str(folder), "--question", "nodule", "-o", str(tmp_path / "out")]
    assert main(command) == 0
    capsys.readouterr()
    return folder


@pytest.mark.parametrize("name", ["ct-upper.reading.json", "ct.examination.json"])
def test_readings_made_with_ones_own_pack_verify_with_its_folder_and_name_it_without(
    own_pack: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, sha = str(tmp_path / "out" / name), load_guideline_file(own_pack).sha256
    assert main(["verify", file, "--guideline", str(own_pack)]) == 0
    assert main(["verify", file, "--guideline", str(own_pack.parent)]) == 0, "a folder of packs"
    assert main(["report", file]) == 0, "a report derives nothing again"
    capsys.readouterr()
    assert main(["verify", file]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for told in ("our-lungs-2022", sha[:12], "--guideline FOLDER"):
        assert told in error


def test_an_own_pack_that_was_edited_since_is_refused(own_pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = load_guideline_file(own_pack).sha256
    with open(own_pack / "guideline.yaml", "a", encoding="utf-8") as file:
        file.write("# edited\n")
    reading = str(tmp_path / "out" / "ct-upper.reading.json")
    for command in (["verify", reading], ["revise", reading, "--set", "margin=not smooth", "--by", "me"]):
        assert main([*command, "--guideline", str(own_pack)]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert before[:12] in error
        assert load_guideline_file(own_pack).sha256[:12] in error


def test_a_reading_made_with_ones_own_pack_is_revised_with_its_folder(own_pack: Path, tmp_path: Path) -> None:
    reading, new = str(tmp_path / "out" / "ct-upper.reading.json"), str(tmp_path / "new.json")
    assert main(["revise", reading, "--set", "margin=not smooth", "--by", "me"]) == 1
    assert main(["revise", reading, "--set", "margin=not smooth", "--by", "me", "--guideline", str(own_pack), "-o", new]) == 0
    assert main(["verify", new, "--guideline", str(own_pack)]) == 0


@pytest.mark.parametrize("wrong", ["nowhere", "."])
def test_a_folder_without_a_pack_is_one_line(form: Path, tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(form), "--guideline", str(tmp_path / wrong)]) == 1
    assert "expected a folder with a guideline.yaml" in capsys.readouterr().err


def test_an_earlier_reading_makes_growth_a_probability(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = "by: Dr A\nguideline: lung-cancer-screening\nlesions:\n  a: {nodule_type: solid, %s}\n  b: {nodule_type: solid, %s}\n"
    then, now, out = tmp_path / "then.yaml", tmp_path / "now.yaml", tmp_path / "out"
    then.write_text(body % (("mean_diameter: 6 ± 0.3 mm",) * 2), encoding="utf-8")
    now.write_text((body % (("mean_diameter: 9 ± 0.3 mm",) * 2)).replace("  b:", "  c:"), encoding="utf-8")
    main(["assess", str(then), "--question", "size-table", "-o", str(out)])
    capsys.readouterr()
    asked = ["assess", str(now), "--question", "size-table", "--earlier"]
    main([*asked, str(out / "then.examination.json"), "--interval-months", "12"])
    told = capsys.readouterr()
    assert "c: not in" in told.err
    assert "9.0 ± 0.3 mm, 12 months before 6.0 ± 0.3 mm" in told.out
    assert "Status: growing, >99 %  [Worked out from other findings]" in told.out
    assert main([*asked, str(out / "then-a.reading.json"), "--interval-months", "12"]) == 1
    assert "a lesion of the same name in both" in capsys.readouterr().err
    assert main([*asked, str(out / "then.examination.json")]) == 1
    assert "expected the months between the two readings" in capsys.readouterr().err
    assert main(["assess", str(now), "--interval-months", "12"]) == 1
    assert "--interval-months: expected --earlier" in capsys.readouterr().err
    (tmp_path / "x.examination.json").write_text("{}", encoding="utf-8")
    assert main([*asked, str(tmp_path / "x.examination.json")]) == 1
    assert "is not a valid examination" in capsys.readouterr().err

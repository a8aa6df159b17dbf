"""`pellucid compare`: what a clinician gets, and one clear line for what cannot be compared."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pellucid.app.cli import main
from pellucid.assess.concordance import concordance_from_json

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def case(root: Path) -> str:
    """The breast case that ships as an example, category 4A."""
    return str(root / "src" / "pellucid" / "app" / "examples" / "breast-case.json")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command; gives its exit code, output and errors."""

    def go(*words: str) -> tuple[int, str, str]:
        try:
            code = main(["compare", *words])
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return go


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str | bytes], str]:
    """Writes a file; gives its path."""

    def write(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


Write = Callable[[str, str | bytes], str]
REPORT = "Core biopsy: Fibroadenoma. No evidence of malignancy.\n"
FORM = "organ: breast\nspecimens: [{diagnoses: [fibroadenoma]}]\nsampling: {target: hit, gauge: 14}\n"


def test_a_report_without_the_target_is_undecided_and_says_what_is_missing(run: Run, case: str, file: Write) -> None:
    code, out, err = run(case, file("report.txt", REPORT))
    assert (code, err) == (3, "")
    assert "NOT DECIDED" in out
    assert "target hit not stated: the outcome rests on it" in out


def test_what_is_stated_on_the_command_line_decides_and_is_kept(run: Run, case: str, file: Write) -> None:
    code, out, _ = run(case, file("report.txt", REPORT), "--state", "target=hit", "--by", "Dr A")
    assert code == 0
    assert "CONCORDANT BENIGN" in out
    assert "Stated beside the report by Dr A: target hit" in out
    assert max(len(line) for line in out.splitlines()) <= 100


def test_a_form_decides(run: Run, case: str, file: Write) -> None:
    code, out, _ = run(case, file("form.yaml", FORM))
    assert code == 0
    assert "CONCORDANT BENIGN" in out
    assert "R = " in out


def test_a_discordance_shows_both_statements(run: Run, case: str, file: Write) -> None:
    code, out, _ = run(case, file("report.txt", "Benign breast tissue. No malignancy."))
    assert code == 0
    assert "DISCORDANT BENIGN" in out
    assert "The two statements that conflict" in out
    assert "Benign breast tissue." in out


def test_the_record_is_written_printed_and_verifies(run: Run, case: str, file: Write, tmp_path: Path) -> None:
    out_file = tmp_path / "deep" / "case.concordance.json"
    code, out, _ = run(case, file("form.yaml", FORM), "-o", str(out_file), "--json")
    assert code == 0
    record = concordance_from_json(out)
    assert concordance_from_json(out_file.read_bytes()) == record
    code, out, _ = run("--verify", str(out_file))
    assert code == 0
    assert "verifies" in out


def test_a_record_that_was_changed_does_not_verify(run: Run, case: str, file: Write, tmp_path: Path) -> None:
    out_file = tmp_path / "record.json"
    run(case, file("form.yaml", FORM), "-o", str(out_file))
    content = json.loads(out_file.read_text(encoding="utf-8"))
    code, _, err = run("--verify", file("a.json", json.dumps({**content, "action": "Do nothing."})))
    assert code == 1
    assert "changed after it was written" in err
    code, _, err = run("--verify", file("b.json", json.dumps({**content, "id": "", "action": "Do nothing."})))
    assert code == 1
    assert "lead to another record" in err


def test_a_pathology_statement_in_json_is_taken(run: Run, case: str, file: Write, pairs: ModuleType) -> None:
    code, out, _ = run(case, file("statement.json", pairs.tissue("carcinoma").model_dump_json()))
    assert code == 0
    assert "CONCORDANT MALIGNANT" in out


def test_an_imaging_statement_of_another_organ_is_taken(run: Run, file: Write, pairs: ModuleType) -> None:
    image = file("image.json", pairs.image("4B", organ="lung").model_dump_json())
    code, out, _ = run(image, file("report.txt", "Chronic inflammation and fibrosis."), "--risk", "0.4,0.2,0.6")
    assert code == 0
    assert "DISCORDANT BENIGN" in out
    assert "negative predictive value" in out


def test_one_specimen_can_be_chosen(run: Run, case: str, file: Write) -> None:
    report = file("report.txt", "A. Left: Fibroadenoma.\nB. Right: Invasive lobular carcinoma.")
    assert "CONCORDANT MALIGNANT" in run(case, report)[1]
    assert "CONCORDANT BENIGN" in run(case, report, "--specimen", "A", "--state", "target=hit")[1]
    code, _, err = run(case, report, "--specimen", "C")
    assert code == 1
    assert "unknown specimen 'C'" in err


@pytest.mark.parametrize("organ", ["breast", "lung", "liver", "thyroid", "prostate", "skin"])
def test_a_template_is_printed_for_every_organ(run: Run, organ: str) -> None:
    code, out, _ = run("--template", organ)
    assert code == 0
    assert f"organ: {organ}" in out


BAD = [
    ("empty.txt", "", "the file is empty"),
    ("blank.txt", " \n", "the file is empty"),
    ("binary.txt", b"\xff\xfe\x00", "expected UTF-8 text"),
    ("cut.json", '{"specimens": [', "not readable as JSON"),
    ("list.json", "[]", "expected a JSON object, got list"),
    ("other.json", "{}", "is not a valid reading"),
    ("form.yaml", FORM.replace("breast", "lung"), "form.yaml:1: expected the organ breast"),
    ("form.yaml", FORM.replace("fibroadenoma", "fibradenoma"), "did you mean 'fibroadenoma'"),
    ("form.yaml", FORM.replace("gauge: 14", "gauge: 1400"), "sampling.gauge"),
    ("form.yaml", FORM.replace("[fibroadenoma]}", "[DCIS], class: specific benign}"), "no more reassuring than 'DCIS'"),
    ("report.docx", "x", "got the suffix .docx"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD, ids=[message for *_, message in BAD])
def test_bad_pathology_is_one_clear_line(run: Run, case: str, file: Write, name: str, content: str | bytes, message: str) -> None:
    code, out, err = run(case, file(name, content))
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--organ", "lung"], 1, "expected a reading of the lung with a Lung-RADS category"),
        (["--organ", "brest"], 1, "did you mean 'breast'"),
        (["--risk", "1.5"], 2, "expected a probability from 0 to 1"),
        (["--risk", "0.5,0.6,0.7"], 2, "LOW <= P <= HIGH"),
        (["--state", "target=maybe"], 1, "does not fit: sampling.target"),
        (["--state", "mood=good"], 1, "unknown fact 'mood'"),
        (["--state", "gauge=fourteen"], 1, "sampling.gauge"),
        (["--state", "history=accident"], 1, "history"),
    ],
)
def test_bad_arguments_are_one_clear_line(run: Run, case: str, file: Write, words: list[str], code: int, message: str) -> None:
    got, _, err = run(case, file("report.txt", REPORT), *words)
    assert got == code
    assert message in err
    assert err.count("\n") == 1


def test_a_stated_fact_may_not_contradict_the_form(run: Run, case: str, file: Write) -> None:
    code, _, err = run(case, file("form.yaml", FORM), "--state", "target=missed")
    assert code == 1
    assert "contradicts the pathology statement, which says hit" in err


def test_without_both_sides_it_is_a_usage_error(run: Run, case: str) -> None:
    code, _, err = run(case)
    assert code == 2
    assert "needs RADIOLOGY.json and PATHOLOGY" in err


def test_a_missing_file_is_one_clear_line(run: Run, case: str) -> None:
    code, _, err = run(case, "nowhere.txt")
    assert code == 1
    assert "nowhere.txt: no such file" in err

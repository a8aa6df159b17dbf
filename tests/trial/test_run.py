"""The audit of a model whose evidence is known on paper: card, resumption, thin data, refusals."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from pellucid.audit.map_measures import MAP_MEASURES  # noqa: E402
from pellucid.errors import InputError, UnknownName  # noqa: E402
from pellucid.record.accountability import AccountabilityCard  # noqa: E402
from pellucid.report.card import card_html, sentences  # noqa: E402
from pellucid.trial.request import Request  # noqa: E402
from pellucid.trial.run import audit  # noqa: E402
from pellucid.trial.subject import foreign_on_trial, with_partners  # noqa: E402

Make = Callable[..., Path]
FEW = ("ROAD", "MPRT", "noise stability", "insertion", "pointing game", "deletion")


@pytest.fixture
def request_of(make_set: Make, tmp_path: Path) -> Callable[..., Request]:
    def make(count: int = 30, change: Any = lambda rows: None, **more: Any) -> Request:
        usual = {"methods": ("saliency", "grad-cam"), "measures": FEW, "minutes": 120.0}
        return Request(data=make_set(count, change), out=tmp_path / "out", **{**usual, **more})

    return make


def test_the_card_of_a_known_net_holds_what_is_known(open_card: Path, request_of: Callable[..., Request]) -> None:
    made = audit(foreign_on_trial(open_card, allow_code=True), request_of())
    card = made.card
    assert AccountabilityCard.model_validate_json(card.model_dump_json()) == card
    right = {f.name: f.measured.value for f in card.explainability.right}
    assert right["AUROC"] == 1.0
    tried = {t.method: {r.measure: r.measured for r in t.results} for t in card.explainability.trials}
    pointing = tried["saliency"]["MPRT"]
    assert pointing.n == 30
    assert pointing.value is not None
    assert pointing.value < 0.5
    assert card.transparency.replay.same
    assert card.explainability.entailment.because is not None
    assert card.interpretability.because is not None
    page = card_html(card, made.tiles)
    for trial in card.explainability.trials:
        assert all(part in page.replace("&#39;", "'") for part in sentences(trial.verdict.sentence))
    assert page.count("<img") == 3 * len([t for t in card.explainability.trials if t.results])


def test_every_line_of_the_forms_says_on_what_footing_it_stands(open_card: Path, request_of: Callable[..., Request]) -> None:
    card = audit(foreign_on_trial(open_card, allow_code=True), request_of(12, examples=False)).card
    lines = [line for form in card.transparency.artefacts for line in form.lines]
    assert {line.status for line in lines} == {"measured", "declared", "not available"}
    assert all(line.run == card.settings["run"] for line in lines if line.status == "measured")


def test_declared_facts_enter_the_forms_with_author_and_date(
    open_card: Path, request_of: Callable[..., Request], tmp_path: Path
) -> None:
    path = tmp_path / "declared.toml"
    path.write_text('by = "B. Owner"\non = "2026-11-25"\n[facts]\nfunding = "none"\n', encoding="utf-8")
    card = audit(foreign_on_trial(open_card, allow_code=True), request_of(12, declared=path)).card
    found = [line for form in card.transparency.artefacts for line in form.lines if line.text == "none"]
    assert len(found) == 2
    assert {(line.status, line.by, line.on) for line in found} == {("declared", "B. Owner", "2026-11-25")}


def test_a_second_run_takes_over_what_the_first_measured(
    open_card: Path, request_of: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, wanted = foreign_on_trial(open_card, allow_code=True), request_of()
    first = audit(trial, wanted).card

    def none(*_: Any, **__: Any) -> Any:
        raise AssertionError("measured again")

    for name in FEW:
        monkeypatch.setitem(MAP_MEASURES, name, replace(MAP_MEASURES[name], function=none))
    again = audit(trial, wanted).card
    assert again.explainability.trials == first.explainability.trials


def test_ten_images_give_a_card_whose_verdicts_stay_open(open_card: Path, request_of: Callable[..., Request]) -> None:
    card = audit(foreign_on_trial(open_card, allow_code=True), request_of(10)).card
    grades = {t.verdict.grade for t in card.explainability.trials}
    assert "usable" not in grades
    assert grades <= {"too few cases", "usable with caution", "not tested", "not usable"}
    assert any("Only 10 images" in fault for fault in card.transparency.data.faults)


def test_one_class_only_leaves_the_accuracy_unmeasured_and_the_card_says_so(
    open_card: Path, request_of: Callable[..., Request]
) -> None:
    def one_class(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["side"] = "l"

    card = audit(foreign_on_trial(open_card, allow_code=True), request_of(24, one_class)).card
    auroc = next(f for f in card.explainability.right if f.name == "AUROC")
    assert auroc.measured.value is None
    assert any("accuracy" in text for text in card.summary.rely_not)


def test_no_labels_and_no_masks_still_give_a_card(tmp_path: Path, open_card: Path, request_of: Callable[..., Request]) -> None:
    text = open_card.read_text(encoding="utf-8")
    bare = tmp_path / "bare.toml"
    bare.write_text(text[: text.index("[data]")] + '[data]\npatient = "patient"\n', encoding="utf-8")
    card = audit(foreign_on_trial(bare, allow_code=True), request_of(24)).card
    assert card.explainability.right == ()
    assert card.transparency.data.masks == 0
    result = next(r for t in card.explainability.trials for r in t.results if r.measure == "pointing game")
    assert result.measured.reason == "no masks of lesions were given"


def test_a_method_that_does_not_apply_is_listed_with_the_reason(side_card: Path, request_of: Callable[..., Request]) -> None:
    card = audit(foreign_on_trial(side_card), request_of(24)).card
    refused = next(t for t in card.explainability.trials if t.method == "grad-cam")
    assert refused.verdict.grade == "not tested"
    assert "layer that keeps places" in refused.verdict.sentence
    assert any("grad-cam" in text for text in card.not_shown)


@pytest.mark.parametrize("field", ["methods", "measures", "targets"])
def test_a_name_that_does_not_exist_is_said_before_anything_is_measured(
    field: str, side_card: Path, request_of: Callable[..., Request]
) -> None:
    with pytest.raises(UnknownName):
        audit(foreign_on_trial(side_card), request_of(12, **{field: ("no such thing",)}))


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1]]
from pellucid.trial.request import Request
from pellucid.trial.run import audit
from pellucid.trial.subject import foreign_on_trial
request = Request(data=Path(sys.argv[3]), out=Path(sys.argv[4]), methods=("saliency", "smoothgrad"), minutes=120.0,
                  measures=("ROAD", "noise stability", "deletion", "insertion", "max-sensitivity"), examples=False)
card = audit(foreign_on_trial(Path(sys.argv[2])), request).card
print(card.model_dump_json(exclude={"created", "seconds"}))
"""


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_ends_with_the_card_of_an_undisturbed_one(
    side_card: Path, make_set: Make, tmp_path: Path
) -> None:
    manifest, source = make_set(30), str(Path(__file__).resolve().parents[2] / "src")

    def start(out: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", KILLED, source, str(side_card), str(manifest), str(tmp_path / out)]
        return subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": source}
        )

    def results() -> int:
        return len(list((tmp_path / "killed" / "partial").rglob("*.json"))) if (tmp_path / "killed" / "partial").exists() else 0

    with start("killed") as first:
        deadline = time.monotonic() + 300
        while results() < 4 and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        first.send_signal(signal.SIGKILL)
        first.wait()
    kept = results()
    assert kept >= 4
    with start("killed") as second, start("whole") as whole:
        out, expected = second.communicate(timeout=400)[0], whole.communicate(timeout=400)[0]
    mine, theirs = json.loads(out), json.loads(expected)
    same = [r["measured"] for t in mine["explainability"]["trials"] for r in t["results"] if r["measured"]["value"] is not None]
    assert len(same) == 10
    for one, other in zip(mine["explainability"]["trials"], theirs["explainability"]["trials"], strict=True):
        for a, b in zip(one["results"], other["results"], strict=True):
            if a["measured"]["n"] == b["measured"]["n"]:
                assert a == b


def test_scores_that_are_not_finite_name_the_image(side_card: Path, request_of: Callable[..., Request]) -> None:
    trial = foreign_on_trial(side_card)
    own = trial.subject.output
    broken = replace(trial, subject=replace(trial.subject, output=lambda given: own(given) * float("nan")))
    with pytest.raises(InputError, match="NaN or infinity for 12 of 12 images"):
        audit(broken, request_of(12))


def test_the_card_of_a_model_is_part_of_what_a_run_is_taken_over_by(open_card: Path, request_of: Callable[..., Request]) -> None:
    wanted = request_of()
    first = audit(foreign_on_trial(open_card, allow_code=True), wanted).card
    open_card.write_text(open_card.read_text().replace("[[preparation]]", 'scores = "sigmoid"\n[[preparation]]', 1))
    again = audit(foreign_on_trial(open_card, allow_code=True), wanted).card
    assert first.settings["run"] != again.settings["run"]
    probabilities = [next(f for f in c.explainability.uncertainty if f.name == "Brier score") for c in (first, again)]
    assert probabilities[0].measured.value != probabilities[1].measured.value


def test_partners_that_were_trained_again_or_on_shuffled_labels_are_asked_whether_maps_repeat(
    open_card: Path, request_of: Callable[..., Request]
) -> None:
    trial = foreign_on_trial(open_card, allow_code=True)
    with_two = with_partners(trial, [trial], trial)
    wanted = request_of(methods=("saliency",), measures=("repeatability", "label randomisation"))
    found = {r.measure: r.measured.value for r in audit(with_two, wanted).card.explainability.trials[0].results}
    assert found == {"repeatability": pytest.approx(1.0), "label randomisation": pytest.approx(1.0)}
    with pytest.raises(InputError, match="expected the outputs and preparation of toy"):
        with_partners(trial, [replace(trial, plan=())], None)

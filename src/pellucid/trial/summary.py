"""The top of the card: what a board may rely on, what it must not, and what has to be done before use. Sentences from figures."""

from collections.abc import Sequence

from pellucid.record import MethodTrial
from pellucid.record.accountability import Artefact, Data, Entailment, Figure, Replay, Summary
from pellucid.record.shortcut import ShortcutAudit
from pellucid.report.card import told

LEAST_PATIENTS = 20
LOCAL_CASES = 100
UNSEEN = ("held-out", "other images")


Rest = tuple[Replay, Sequence[Artefact], ShortcutAudit | str]


def summarise(data: Data, entailed: Entailment, trials: Sequence[MethodTrial], right: Sequence[Figure], rest: Rest) -> Summary:
    """The summary from what was measured; nothing in it stands on anything else. `rest`: replay, forms, shortcuts."""
    rely, rely_not, before = list[str](), list[str](), list[str]()
    replay, forms, shortcuts = rest
    _answers(entailed, replay, rely, rely_not)
    _accuracy(data, right, rely, rely_not)
    _maps(trials, rely, rely_not, before)
    _shortcuts(shortcuts, rely_not, before)
    before += _before(data, forms)
    headline = f"{_headline(data, entailed, trials)}{_alarms(right, shortcuts)}"
    return Summary(headline=headline, rely=tuple(rely), rely_not=tuple(rely_not), before_use=tuple(before))


def _alarms(right: Sequence[Figure], shortcuts: ShortcutAudit | str) -> str:
    """What a board must not miss, whatever the maps are worth."""
    auroc = next((f.measured for f in right if f.name == "AUROC"), None)
    said = ""
    if auroc is not None and auroc.value is not None and (auroc.low is None or auroc.low <= 0.5):
        said += " It is not shown to tell the classes apart."
    if isinstance(shortcuts, ShortcutAudit) and shortcuts.severity == "shortcut":
        said += " A shortcut was found: it does not answer from the lesion alone."
    return said


def _shortcuts(found: ShortcutAudit | str, rely_not: list[str], before: list[str]) -> None:
    if isinstance(found, str) or (found.searched == 0 and not found.groups):
        before.append("Look for shortcuts (marks, borders, scanners): it was not done here.")
    elif found.severity == "shortcut":
        rely_not.append(f"That it answers from the lesion. {found.sentence}")
    elif found.severity == "suspicion":
        before.append(f"Look at what the answer changes with. {found.sentence}")


def _headline(data: Data, entailed: Entailment, trials: Sequence[MethodTrial]) -> str:
    if entailed.because:
        follows = "Nobody can check how it comes to its answers"
    elif entailed.share.value == 1:
        follows = "Its answers follow from the findings that it shows"
    else:
        follows = "Its answers do not all follow from the findings that it shows"
    if data.patients < LEAST_PATIENTS:
        return f"{follows}; {data.patients} patients are too few to say which pictures of it may be trusted."
    if not trials:
        return f"{follows}; no picture of its evidence was tested."
    kinds = dict.fromkeys(t.method for t in trials if t.verdict.grade != "not tested")
    if not kinds:
        return f"{follows}; no picture of its evidence could be tested."
    fit = [m for m in kinds if any(t.method == m and t.verdict.grade == "usable" for t in trials)]
    careful = [
        m for m in kinds if m not in fit and any(t.method == m and t.verdict.grade == "usable with caution" for t in trials)
    ]
    parts = [f"{len(fit)} may be shown as evidence" if fit else "none may be shown as evidence without caution"]
    if careful:
        parts.append(f"{len(careful)} only with the caution beside it")
    return f"{follows}; of {len(kinds)} kinds of map that were tried {', '.join(parts)}."


def _answers(entailed: Entailment, replay: Replay, rely: list[str], rely_not: list[str]) -> None:
    n = entailed.readings
    if entailed.because:
        rely_not.append(f"Its reasons: {entailed.because}.")
    elif entailed.share.value == 1:
        rely.append(
            f"That each category follows from the findings shown and the rules cited: {n} of {n} re-derived without the model."
        )
    else:
        rely_not.append(
            f"That each category follows from what is shown: only {told(entailed.share)} of readings were re-derived."
        )
    if replay.same:
        rely.append(f"That the same image gives the same answer again on the same machine, to the last byte ({replay.what}).")
    else:
        rely_not.append("That the same image gives the same answer again: it did not.")


def _accuracy(data: Data, right: Sequence[Figure], rely: list[str], rely_not: list[str]) -> None:
    auroc = next((f for f in right if f.name == "AUROC"), None)
    if auroc is None or auroc.measured.value is None:
        rely_not.append("Its accuracy: it was not measured here.")
    elif auroc.measured.low is None or auroc.measured.low <= 0.5:
        rely_not.append(f"That it tells the classes apart: AUROC {told(auroc.measured)}, not shown to be better than guessing.")
    elif data.basis in UNSEEN:
        where = "nets of its recipe on images they did" if data.basis == "held-out" else "on images it did"
        rely.append(f"That it tells the classes apart to this degree, {where} not learn from: AUROC {told(auroc.measured)}.")
    else:
        rely_not.append(
            f"Its accuracy here: it may have learned from these images (AUROC {told(auroc.measured)}); others may fare worse."
        )


def _maps(trials: Sequence[MethodTrial], rely: list[str], rely_not: list[str], before: list[str]) -> None:
    for grade, said, column in (
        ("usable", "Maps of {} as pictures of the model's evidence.", rely),
        ("not usable", "Maps of {} as explanations: they failed their tests; do not show them to anyone who decides.", rely_not),
        ("usable with caution", "Show maps of {} only with the caution printed beside them.", before),
        ("too few cases", "Test maps of {} on more patients before they are shown.", before),
    ):
        names = list(dict.fromkeys(t.method for t in trials if t.verdict.grade == grade))
        if names:
            column.append(said.format(_listed(names)))


def _before(data: Data, forms: Sequence[Artefact]) -> list[str]:
    said: list[str] = []
    if data.basis != "other images":
        said.append(
            f"Run this audit on {LOCAL_CASES} or more images of your own patients, which the model cannot have learned from."
        )
    if not data.groups:
        said.append("Give the site or scanner of each image: whether it works alike on all of them was not measured.")
    lines = [line for form in forms for line in form.lines]
    empty = sum(line.status == "not available" for line in lines)
    if empty:
        said.append(
            f"Ask the developer for what the published forms lack ({empty} of {len(lines)} lines, some asked by several forms), "
            "and add it by --declare."
        )
    said.append("Settle who may overrule it, how that is recorded, and who stops it; this card does not decide that.")
    return said


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

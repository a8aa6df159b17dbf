"""What was found beside the lesion, as a clinician would say it."""

from collections.abc import Sequence

from pellucid.record.shortcut import GroupEffect, PlaceEffect, ShortcutFinding, SurroundEffect
from pellucid.record.trial import Measured

STANDS_FOR_NOTHING = "an absence here is no proof: a shortcut spread over the whole image is not looked for"


def number(measured: Measured) -> str:
    """A value with its interval: '0.34 (0.29–0.40)'."""
    if measured.value is None:
        return f"not measured ({measured.reason})"
    if measured.low is None or measured.high is None:
        return f"{measured.value:.2f}"
    return f"{measured.value:.2f} ({measured.low:.2f}–{measured.high:.2f})"


def thing(finding: ShortcutFinding) -> str:
    """'a bright mark in the upper-left corner'."""
    if finding.look == "brightness of the border":
        return f"the brightness of {finding.where}"
    place = f"{'at' if 'border' in finding.where else 'in'} {finding.where}"
    if finding.look == "area":
        return f"what lies {place}"
    polarity = f"{finding.polarity} " if finding.polarity else ""
    return f"a {polarity}{finding.look} {place}"


def finding_sentence(finding: ShortcutFinding) -> str:
    """One sentence for one place."""
    name, carried = thing(finding), finding.carried_by
    seen = f", in {carried:.0%} of the images," if carried is not None else ""
    changes = _changes(finding)
    if finding.severity == "too few cases":
        return f"Too few cases to say whether the prediction depends on {name}."
    if finding.severity == "none":
        little = any((e.difference.low or 0.0) > 0 for e in (finding.removed, finding.transplanted))
        verb = "depends little on" if little else "does not measurably depend on"
        return f"The prediction {verb} {name}{seen.rstrip(',')}: {changes}."
    verb = "The prediction depends on" if finding.severity == "shortcut" else "The prediction may depend on"
    return f"{verb} {name}{seen}: {changes}.".replace(",:", ":")


def _changes(finding: ShortcutFinding) -> str:
    removed = f"removing it changes the probability by {_pair(finding.removed, 'removing as much elsewhere')}"
    swapped = (
        "putting there what an image with another prediction has moves the probability towards that prediction by "
        f"{_pair(finding.transplanted, 'the same elsewhere')}"
    )
    return f"{removed}; {swapped}"


def _pair(found: PlaceEffect, elsewhere: str) -> str:
    other = "not measured" if found.elsewhere.value is None else f"{found.elsewhere.value:.2f}"
    return f"{number(found.here)}, {elsewhere} by {other}"


def surround_sentence(found: SurroundEffect, least_change: float) -> str:
    """Whether the prediction follows the lesion; an effect not certainly beyond `least_change` is not said to be followed."""
    lesion, rest = found.follows_lesion, found.follows_surroundings
    told = (
        f"Removing the lesion changes the probability by {_pair(found.lesion_removed, 'removing as much elsewhere')}. "
        f"Another image's lesion moves the prediction by {number(lesion)}, its surroundings by {number(rest)}"
    )
    if lesion.low is None or lesion.high is None or rest.low is None or rest.high is None:
        return f"{told}: too few cases to tell which it follows."
    if max(lesion.high, rest.high) <= least_change:
        return f"{told}: neither moves the prediction by as much as matters ({least_change:.2f})."
    if max(lesion.low, rest.low) <= least_change:
        return f"{told}: neither is shown to move the prediction by as much as matters ({least_change:.2f})."
    if lesion.low > rest.high:
        return f"{told}: the prediction follows the lesion more than its surroundings."
    if rest.low > lesion.high:
        return f"{told}: the prediction follows the surroundings more than the lesion."
    return f"{told}: it follows both, or neither is shown to weigh more."


def group_sentence(found: GroupEffect) -> str:
    """Whether predictions differ between sites given the label."""
    between = f"mean predictions of {found.output} differ between {found.column} by {number(found.gap_given_label)}"
    gap = f"among cases of one label, {between}"
    chance = "" if found.p_value is None else f" (by chance in {found.p_value:.3f} of permutations)"
    if found.severity == "too few cases":
        return f"Too few cases to say whether the prediction differs between {found.column}."
    if found.severity == "none":
        return f"No dependence on {found.column} was found: {gap}{chance}."
    return f"The prediction differs between {found.column}: {gap}{chance}."


def whole_sentence(
    findings: Sequence[ShortcutFinding], groups: Sequence[GroupEffect], around: SurroundEffect | None, tested: int
) -> str:
    """The answer to: did it see the lesion, or the scanner?"""
    bad = [thing(f) for f in findings if f.severity == "shortcut"] + [g.column for g in groups if g.severity == "shortcut"]
    doubtful = [thing(f) for f in findings if f.severity == "suspicion"]
    parts: list[str] = []
    if bad:
        parts.append(f"The prediction depends on {_listed(bad)}, which cannot be disease.")
    if doubtful:
        parts.append(f"It {'also ' if bad else ''}changes with {_listed(doubtful)}: look at what is there.")
    if not parts:
        parts.append(
            f"On {tested} cases no dependence on marks, borders or places beside the lesion was found; {STANDS_FOR_NOTHING}."
        )
    parts += [g.sentence for g in groups if g.severity == "suspicion"]
    if around is not None:
        parts.append(around.sentence)
    return " ".join(parts)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

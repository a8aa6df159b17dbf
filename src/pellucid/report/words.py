"""Names, numbers and sets as a clinician would say them: British spelling, no jargon, no false certainty."""

import unicodedata
from collections.abc import Sequence
from math import floor, log10

from pellucid.record import (
    Assessment,
    Change,
    Condition,
    Finding,
    Observer,
    Reliability,
    SecondOpinion,
    SimilarCase,
    WeighedDiagnosis,
)

NBSP = "\u00a0"
EN_DASH = "\u2013"
MINUS = "\u2212"

CAPITALS = {"irma": "IRMA", "icdr": "ICDR", "dr": "DR", "birads": "BI-RADS", "us": "US", "ct": "CT", "mri": "MRI"}
"""Words of names that keep their own capitals."""

QUESTIONS = {
    "malignancy": "Benign or malignant",
    "birads": "BI-RADS category",
    "referable-dr": "Referable diabetic retinopathy",
    "dr-grade": "Diabetic retinopathy grade",
}

CATEGORY_PREFIXES = {"birads": "Category", "dr-grade": "Grade"}
"""What stands before a bare category (4B, 2) so that it reads as a phrase."""

UNITS = {"mm2": "mm²", "mm3": "mm³", "deg": "°", "degrees": "°", "degree": "°", "1": "", "percent": "%"}

GROUNDS = {
    "published": "Published clause",
    "learned": "Learned from named data",
    "observed": "Observed",
    "logic": "Logic",
}

VERIFIED = {
    "source": "source read",
    "recomputed": "figures recomputed",
    "background": "not yet checked against the primary publication",
}

CAUTIONS = {
    "contradiction": "Findings that contradict each other",
    "shadow": "Something the findings do not describe",
    "novelty": "Unlike the training images",
    "boundary": "On an edge",
    "conflict": "Rules in conflict",
    "input": "The image",
    "scope": "Scope",
    "second-opinion": "Second opinion",
}

MODALITIES = {
    "US": "ultrasound",
    "OP": "photograph of the eye",
    "CT": "CT",
    "MR": "MRI",
    "MG": "mammography",
    "XC": "photograph",
    "SM": "slide microscopy",
}

MEASURES = {
    "auroc": "AUROC: how often, of one case with and one without, the reader ranks the right one higher; 0.50 is chance.",
    "balanced accuracy": "Balanced accuracy: the share called rightly, averaged over the states.",
    "iou": "IoU: the overlap of the reader's outline with the human one; 1 is identical.",
    "kappa": "Kappa: agreement beyond chance; 1 is perfect, 0 is chance.",
    "macro f1": "Macro F1: misses and false calls together, averaged over the states; 1 is perfect.",
}


_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
"""Marks that turn the reading direction and can make a text look like another."""


def plain(text: str) -> str:
    """The text without control, bidirectional-override and surrogate characters, each replaced by a visible mark."""
    return "".join(c if c == "\n" or (unicodedata.category(c) not in {"Cc", "Cs"} and c not in _BIDI) else "\ufffd" for c in text)


def label(name: str) -> str:
    """`posterior_features` as `Posterior features`."""
    words = [CAPITALS.get(word.lower(), word) for word in name.replace("_", " ").replace("-", " ").split()]
    text = " ".join(words) or name
    return text[:1].upper() + text[1:]


def inner_label(name: str) -> str:
    """The label inside a sentence: `posterior features`, but `IRMA`."""
    text = label(name)
    first = text.split(" ")[0]
    return text if first.upper() == first and len(first) > 1 else text[:1].lower() + text[1:]


def question(name: str) -> str:
    """A question's heading: `birads` as `BI-RADS category`."""
    return QUESTIONS.get(name, label(name))


def category(question_name: str, name: str) -> str:
    """A category as a phrase: `Category 4B`, `Grade 2`, `Malignant`."""
    prefix = CATEGORY_PREFIXES.get(question_name)
    return f"{prefix}{NBSP}{name}" if prefix else name[:1].upper() + name[1:]


def percent(p: float) -> str:
    """A probability in per cent; 0 % and 100 % only where it is exactly so."""
    if p in (0.0, 1.0):
        return f"{100 * p:.0f}{NBSP}%"
    if p < 0.01:
        return f"<1{NBSP}%"
    if p > 0.99:
        return f">99{NBSP}%"
    return f"{floor(100 * p + 0.5)}{NBSP}%"


def fixed(value: float, decimals: int) -> str:
    """A number with a typographic minus and never a negative zero."""
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def quantity(value: float, sd: float | None, unit: str | None) -> str:
    """`29.9 ± 1.1 mm`: as many decimals as the spread deserves."""
    spread = sd or 0.0
    decimals = _decimals(spread) if spread > 0 else len(f"{value:.2f}".rstrip("0").partition(".")[2])
    said = fixed(value, decimals)
    word = UNITS.get(unit or "", unit or "")
    if word == "°":
        return f"{said}° ± {fixed(spread, decimals)}°" if spread > 0 else f"{said}°"
    whole = f"{said} ± {fixed(spread, decimals)}" if spread > 0 else said
    return f"{whole}{NBSP}{word}" if word else whole


def _decimals(spread: float) -> int:
    """One digit of the spread is kept, two where it begins with a 1; at most three decimals."""
    power = floor(log10(spread))
    digits = 2 if spread / 10**power < 2 else 1
    return max(0, min(3, digits - 1 - power))


def numbers(run: Sequence[int]) -> str:
    """`1`, `2, 5` or `8–12`."""
    if len(run) > 2 and run[-1] - run[0] == len(run) - 1:
        return f"{run[0]}\u2013{run[-1]}"
    return ", ".join(str(number) for number in run)


def listing(items: Sequence[str], last: str = "and") -> str:
    """`a, b or c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def coverage(assessment: Assessment) -> str:
    """`90 % set`, or `set` where no coverage was stated."""
    return f"{percent(assessment.coverage)} set" if assessment.coverage is not None else "set"


def set_words(assessment: Assessment) -> str:
    """The confidence set in words: `90 % set: 4B or 4C`."""
    names = assessment.confidence_set
    head = coverage(assessment)
    if not names and assessment.set_rule is None:
        return "No confidence set was made"
    if not names:
        said = "empty, no category fits well enough"
    elif len(names) == 1:
        said = f"{names[0]} only"
    elif len(names) == len(assessment.probabilities):
        said = f"every category ({listing(names, 'or')}), so nothing is ruled out"
    else:
        said = listing(names, "or")
    return f"{head[:1].upper()}{head[1:]}: {said}"


def set_note(assessment: Assessment) -> str | None:
    """What the set promises, and on how many cases that was measured."""
    if assessment.coverage is None:
        return None
    cases = f", measured on {assessment.set_rule.n} cases" if assessment.set_rule else ""
    return f"Sets made this way hold the true category in {percent(assessment.coverage)} of cases{cases}."


def condition(item: Condition) -> str:
    """`margin spiculated`."""
    return f"{inner_label(item.concept)} {item.state}"


def change(item: Change) -> str:
    """`margin circumscribed instead of spiculated`."""
    seen = f"instead of {item.seen}" if item.seen is not None else "(now unknown)"
    return f"{inner_label(item.concept)} {item.instead} {seen}"


def enough(reason: Sequence[Condition]) -> str:
    """One sufficient reason as a sentence."""
    if not reason:
        return "The guideline gives this category whatever the findings are."
    head = "Enough by itself" if len(reason) == 1 else "Enough together"
    return f"{head}: {listing([condition(c) for c in reason])}."


def finding(item: Finding) -> str:
    """What the finding says: a state, a value with its spread, or that it cannot be judged."""
    if item.unknown_because is not None:
        return "Cannot be judged"
    if item.value is not None:
        said = quantity(item.value, item.sd, item.unit)
        before = item.earlier
        return f"{said}, {before.months:g} months before {quantity(before.value, before.sd, item.unit)}" if before else said
    if item.state is not None:
        return item.state
    top = most_probable(item)
    return f"Not settled; {top[0]} is most probable" if top else "Not settled"


def most_probable(item: Finding) -> tuple[str, float] | None:
    """The most probable state and its probability, where the finding is a distribution."""
    if not item.states or not item.probabilities:
        return None
    best = item.probabilities.index(max(item.probabilities))
    return item.states[best], item.probabilities[best]


def shown_probability(item: Finding) -> float | None:
    """The probability that stands beside the finding: of its state, or of the most probable state."""
    if not item.states or not item.probabilities:
        return None
    return dict(zip(item.states, item.probabilities, strict=True))[item.state] if item.state else max(item.probabilities)


def observer(item: Observer) -> str | None:
    """Who corrected it, where a person did."""
    return f"Set by {item.name}" if item.kind == "person" else None


def source(item: Finding) -> str | None:
    """Who set the finding, or that it follows from others."""
    return "Worked out from other findings" if item.because is not None else observer(item.observer)


def reliability(item: Reliability) -> str:
    """`AUROC 0.88 (0.83 to 0.92), baseline 0.50, human 0.91, 252 cases`."""
    parts = [f"{item.measure} {fixed(item.value, 2)} ({fixed(item.low, 2)}{EN_DASH}{fixed(item.high, 2)})"]
    parts += [f"{item.baseline_name or 'baseline'} {fixed(item.baseline, 2)}"] if item.baseline is not None else []
    parts += [f"human {fixed(item.human, 2)}"] if item.human is not None else []
    return ", ".join([*parts, f"{item.n}{NBSP}cases"])


def second_opinion(item: SecondOpinion) -> str:
    """`Brock 2013: lung cancer 3.2 % (1.1 % to 8.4 %). BTS 2015: …`, or why the model does not apply."""
    if item.probability is None:
        return f"{item.label}: not applicable: {item.not_applicable_because}"
    ends = (percent(end) for end in (item.low, item.high) if end is not None)
    spread = f" ({' to '.join(ends)})" if item.low != item.high else ""
    told = f"{item.label}: {item.outcome} {percent(item.probability)}{spread}."
    return " ".join([told, *item.actions])


def weighed(item: WeighedDiagnosis) -> str:
    """`meningioma, sum 5`, and the sums that what is not judged leaves possible."""
    span = f" ({number(item.lowest)} to {number(item.highest)} with what is not judged)" if item.lowest < item.highest else ""
    return f"{item.name}, sum {number(item.score)}{span}"


def number(value: float) -> str:
    """A number with as many decimals as it has, at most three, and a typographic minus."""
    return f"{value:.3g}".replace("-", MINUS) if value else "0"


def no_better(item: Reliability) -> bool:
    """Whether the interval reaches down to the trivial baseline (only for measures where more is better)."""
    if item.baseline is None or any(word in item.measure.lower() for word in ("error", "ece", "brier", "loss")):
        return False
    return item.low <= item.baseline


def short_hash(value: str) -> str:
    """The ends of a hash, enough to recognise it."""
    return f"{value[:8]}…{value[-4:]}" if len(value) > 16 else value


SIMILAR_NOTE = "Cases from a library, not evidence in the rules: the answer above does not rest on them."
STANDS = {"contradicts": "CONTRADICTS the answer given here", "confirms": "the answer given here"}


def similar(case: SimilarCase) -> str:
    """A confirmed case as one line: outcome, how it was verified, where it stands, how it is alike and how it differs."""
    head = f"{case.outcome}{f' by {case.verified}' if case.verified else ''} (case {short_hash(case.reading)})"
    told = [STANDS[case.stands]] if case.stands else []
    told += [f"both: {'; '.join(case.alike)}"] if case.alike else []
    told += [f"differs: {'; '.join(case.different)}"] if case.different else []
    gaps = (("findings", case.concept_distance), ("image", case.image_distance))
    told += [f"distance of the {name} {gap:.2f}" for name, gap in gaps if gap is not None]
    return " – ".join([head, *told])

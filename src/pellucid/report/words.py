"""Names, numbers and sets as a clinician would say them: British spelling, no jargon, no false certainty."""

import unicodedata
from collections.abc import Sequence
from math import floor, log10

from pellucid.record import Assessment, Change, Condition, Finding, Observer, Reliability, SecondOpinion

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
    ends = (percent(end) for end in (item.low, item.high) if end is not None)
    spread = f" ({' to '.join(ends)})" if item.low != item.high else ""
    told = f"{item.label}: {item.outcome} {percent(item.probability)}{spread}."
    return " ".join([told, *item.actions])


def no_better(item: Reliability) -> bool:
    """Whether the interval reaches down to the trivial baseline (only for measures where more is better)."""
    if item.baseline is None or any(word in item.measure.lower() for word in ("error", "ece", "brier", "loss")):
        return False
    return item.low <= item.baseline


def short_hash(value: str) -> str:
    """The ends of a hash, enough to recognise it."""
    return f"{value[:8]}…{value[-4:]}" if len(value) > 16 else value

"""Words of a report that look like a misspelt cancer: one or two letters wrong, left out, too many, or swapped.

What they mean is not guessed. They are listed as not understood, also inside a denial, so that the pair stays open.
"""

import re
from collections.abc import Iterator

SERIOUS = (
    "carcinoma", "carcinomas", "carcinomatous", "adenocarcinoma", "adenocarcinomas", "malignant", "malignancy", "malignancies",
    "cancer", "lymphoma", "lymphomas", "melanoma", "melanomas", "sarcoma", "sarcomas", "angiosarcoma", "metastasis", "metastases",
    "metastatic", "leukemia", "hepatocellular", "cholangiocarcinoma", "neoplasm",
)  # fmt: skip
REAL_WORDS = frozenset(
    ("cancel", "cancels", "dancer", "cancers", "neoplasms", "neoplasia", "lymphomatous", "sarcomatous", "benign", "nonmalignant",
     "premalignant", "malignantly", "angiosarcomas", "carcinoid", "carcinoids", "sarcoid", "lymphoid", "melanotic", "maligna")
)  # fmt: skip
"""Near a serious word and words of their own."""
LONG = 9
"""Letters from which two may be wrong; below, one."""
SHORTEST = 5
_WORD = re.compile(r"[a-z]+")


def misspelt(text: str) -> Iterator[tuple[int, str]]:
    """Where words of a text (in lower case) stand that are nearly, and not, one of SERIOUS."""
    for match in _WORD.finditer(text):
        if is_misspelt(match[0]):
            yield match.start(), match[0]


def is_misspelt(word: str) -> bool:
    """Whether a word is nearly, and not, a serious one."""
    if len(word) < SHORTEST or word in SERIOUS or word in REAL_WORDS:
        return False
    return any(_near(word, right, 2 if len(right) >= LONG else 1) for right in SERIOUS)


def _near(word: str, right: str, most: int) -> bool:
    return abs(len(word) - len(right)) <= most and _apart(word, right) <= most


def _apart(one: str, other: str) -> int:
    """Letters to change, add, leave out or swap with their neighbour (optimal string alignment, Damerau 1964)."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            best = min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]

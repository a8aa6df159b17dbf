"""Relevance, completeness, correctness and clinical utility of explanations that cite findings, as formulae.

Common shapes: one row per case, so that patients can be resampled: counts (n,) of what was cited and of how much of it passed.
Definitions and how they map to other vocabularies: docs/concepts/explanation_quality.md.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import InputError

Floats = NDArray[np.float64]

MOVED = 0.01
"""Total variation of the category's probabilities from which an output counts as moved; below, the printed per cents may not
change."""


def pooled_share(passed: ArrayLike, cited: ArrayLike) -> float:
    """Of all that was cited in these cases, the share that passed; NaN where nothing was cited."""
    hits, all_ = np.asarray(passed, dtype=np.float64), np.asarray(cited, dtype=np.float64)
    if hits.shape != all_.shape or (hits > all_).any():
        raise InputError(f"share: expected passed <= cited, each (n,), got shapes {hits.shape} and {all_.shape}")
    return float(hits.sum() / all_.sum()) if all_.sum() > 0 else float("nan")


def relevance(moving: ArrayLike, cited: ArrayLike) -> float:
    """Share of the cited findings whose removal changes the output: each is set to unknown while the others stand.

    `moving` and `cited` (n,) count them per case.
    """
    return pooled_share(moving, cited)


def completeness(all_findings: ArrayLike, cited_only: ArrayLike, none: ArrayLike) -> float:
    """Share of the decision margin that the cited findings alone explain: Σ (m_cited − m_none) / Σ (m_all − m_none).

    Each (n,) is the margin (probability of the category minus the largest other) with all findings, with the cited ones only, and
    with none; it is summed before it is divided, so that a case with next to no margin does not decide. Above 1 where the cited
    findings alone say it more strongly than all together. After Yeh et al. 2020, arXiv 1910.07969.
    """
    whole, part, base = (np.asarray(m, dtype=np.float64) for m in (all_findings, cited_only, none))
    total = float((whole - base).sum())
    return float((part - base).sum()) / total if total > 0 else float("nan")


def correctness(right: ArrayLike, cited: ArrayLike) -> float:
    """Share of the cited findings that agree with the human label, of those that have one; both (n,) counts per case."""
    return pooled_share(right, cited)


def margin(probabilities: Mapping[str, float], category: str) -> float:
    """Probability of a category minus that of its strongest rival."""
    others = [p for name, p in probabilities.items() if name != category]
    return probabilities[category] - max(others, default=0.0)


def shift(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Total variation between two distributions over the same categories."""
    return 0.5 * sum(abs(after[name] - p) for name, p in before.items())

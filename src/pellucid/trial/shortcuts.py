"""Shortcuts of a model on trial: what its answer depends on beside the lesion, and whether sites or scanners differ."""

import numpy as np
from numpy.typing import NDArray

from pellucid.assess.conclude import Ask, conclude
from pellucid.assess.findings import Sight, findings_of
from pellucid.audit.cases import Cases, Images, Predict
from pellucid.audit.groups import group_effect
from pellucid.audit.shortcut import LEAST_CASES, Limits, find_shortcuts
from pellucid.images import Prepared
from pellucid.reader import Reader
from pellucid.record import Observer, Signals
from pellucid.record.shortcut import GroupEffect, ShortcutAudit
from pellucid.trial.data import NO_GROUP, Collected
from pellucid.trial.subject import BATCH, OnTrial

WINDOWS, CANDIDATES, PER_TEST = 2 * 81, 12, 8
"""Calls of the model per case searched on, places tested, and calls per place and case (each beside three places elsewhere)."""

NO_TIME = "no time for it"


def answering(reader: Reader) -> Predict:
    """Prepared images -> probabilities (n, C) of the outcomes of a reader's shadow question, by its findings and rules.

    Spacing is not known here: findings in millimetres are taken as not measured.
    """
    import torch

    question = reader.card.shadow_question
    ask = Ask(reader.guideline(question), question, reader.fitted.sets.get(question))
    observer = Observer(name=f"{reader.ref.name} {reader.ref.version}", kind="model")

    def one(sight: Sight) -> list[float]:
        findings = findings_of(reader.card, reader.fitted, sight, None, observer)
        p = conclude(ask, findings, Signals()).probabilities
        found = [p.get(o, 0.0) for o in reader.card.shadow_outcomes]
        return [v / (sum(found) or 1.0) for v in found]

    def predict(images: Images) -> NDArray[np.float64]:
        rows: list[list[float]] = []
        for start in range(0, len(images), BATCH):
            some = np.ascontiguousarray(images[start : start + BATCH], dtype=np.float32)
            with torch.inference_mode():
                batch = torch.from_numpy(some).contiguous(memory_format=torch.channels_last)
                grids = reader.net.grids(batch)
                seen = reader.net.bottleneck(grids)
                parts = [
                    seen.logits,
                    reader.net.bottleneck.support(seen, grids),
                    torch.sigmoid(seen.places),
                    seen.shadow,
                    seen.vector,
                ]
            arrays = [part.double().numpy() for part in parts]
            for k, image in enumerate(some):
                rows.append(one(Sight(_as_it_is(image), *(a[k] for a in arrays))))
        return np.array(rows)

    return predict


def _as_it_is(image: NDArray[np.float32]) -> Prepared:
    return Prepared(image, (), np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))


def shortcuts_of(
    trial: OnTrial, collected: Collected, answers: NDArray[np.float64], predict: Predict, seconds: float, seed: int
) -> ShortcutAudit | str:
    """What was found in the time given, or in words why it was not looked for.

    `answers` (n, C) are the probabilities of the cases; `predict` gives the same for altered images. Differences between sites
    or scanners need no pass of the model: they are given however short the time is.
    """
    if (trial.card is not None and trial.card.model.scores == "as given") or answers.min() < 0 or answers.max() > 1 + 1e-6:
        return "the scores are not probabilities; say in the model's card whether softmax or sigmoid makes them so"
    groups = _groups(collected, answers, seed)
    limits = _limits(_seconds_each(predict, collected.images), seconds)
    if limits is None:
        return _only_groups(groups) if groups else f"{NO_TIME}; give more by --minutes"
    cases = Cases(collected.images, answers.argmax(axis=1), collected.patients, collected.masks)
    return find_shortcuts(cases, predict, np.random.default_rng([seed, 7]), groups=groups, limits=limits)


def _only_groups(groups: tuple[GroupEffect, ...]) -> ShortcutAudit:
    """The record where there was no time to look for places: `none` is not said of what was not looked for."""
    suspected = [g.sentence for g in groups if g.severity == "suspicion"]
    sentence = f"Marks, borders and places beside the lesion were not looked for: {NO_TIME}; give more by --minutes."
    return ShortcutAudit(
        searched=0,
        tested=0,
        patients=0,
        findings=(),
        groups=groups,
        severity="suspicion" if suspected else "too few cases",
        sentence=" ".join((sentence, *suspected)),
        settings={},
    )


def _seconds_each(predict: Predict, images: Images) -> float:
    import time

    predict(images[:1])
    begun = time.perf_counter()
    predict(images[:8])
    return (time.perf_counter() - begun) / len(images[:8])


def _limits(each: float, seconds: float) -> Limits | None:
    """As many cases as the time allows, searched and tested in the finder's own proportion; None below what it needs."""
    whole = Limits()
    full = each * (whole.searched * WINDOWS + whole.tested * CANDIDATES * PER_TEST)
    share = min(1.0, seconds / full) if full > 0 else 1.0
    searched, tested = int(whole.searched * share), int(whole.tested * share)
    if searched < LEAST_CASES // 2 or tested < LEAST_CASES:
        return None
    return Limits(searched=searched, tested=tested)


def _groups(collected: Collected, answers: NDArray[np.float64], seed: int) -> tuple[GroupEffect, ...]:
    """Differences between sites or scanners among cases of one label, for the last class."""
    found: list[GroupEffect] = []
    for column, values in collected.groups.items():
        use = (collected.labels >= 0) & (values != NO_GROUP)
        if use.any() and len(np.unique(values[use])) > 1:
            last = len(collected.classes) - 1
            found.append(
                group_effect(
                    answers[use, last],
                    collected.labels[use] == last,
                    values[use],
                    collected.patients[use],
                    np.random.default_rng([seed, 8]),
                    names=(column, collected.classes[last]),
                )
            )
    return tuple(found)

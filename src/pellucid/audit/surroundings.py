"""Does the prediction follow the lesion or what surrounds it? Lesions removed, and images put together from two cases."""

import numpy as np
from numpy.typing import NDArray

from pellucid.audit.disturb import Stage, probabilities, removed_once, towards
from pellucid.audit.effects import effect, mean_of
from pellucid.audit.paint import painted_over
from pellucid.audit.regions import box_of, elsewhere, grown
from pellucid.audit.shortcut_words import surround_sentence
from pellucid.record.shortcut import SurroundEffect


def surroundings(
    stage: Stage,
    masks: NDArray[np.bool_] | None,
    index: NDArray[np.int64],
    patients: NDArray[np.str_],
    generator: np.random.Generator,
    least_change: float,
) -> SurroundEffect | None:
    """What moves the prediction: the lesion's box or everything else; None where fewer than two lesions are recorded.

    `masks` are those of all cases and `index` says which of them stand on the stage. The donor's lesion is moved with its box of
    pixels; both images keep their own size and place, so a lesion at another place leaves the old one's rest painted over.
    Below `least_change` (probability) no effect is said to be followed.
    """
    if masks is None:
        return None
    lesions = masks[index]
    with_lesion = lesions.reshape(len(lesions), -1).sum(axis=1) > 0
    pairs = np.flatnonzero(with_lesion & with_lesion[stage.donors])
    if len(pairs) < 2:
        return None
    part = Stage(stage.images[pairs], stage.predict, stage.said[pairs], lesions[pairs], np.arange(len(pairs)))
    around = grown(part.lesions)
    control = np.stack([elsewhere(mask, mask, generator) for mask in around])
    removed = effect(removed_once(part, around), removed_once(part, control), patients[pairs], 0.95, generator)
    donors = stage.donors[pairs]
    mixed_lesion, mixed_rest = _mixed(part, stage.images[donors], grown(lesions[donors]), around)
    goal = stage.said[donors]
    lesion = mean_of(towards(part.said, probabilities(stage.predict, mixed_lesion), goal), patients[pairs], 0.95, generator)
    rest = mean_of(towards(part.said, probabilities(stage.predict, mixed_rest), goal), patients[pairs], 0.95, generator)
    made = SurroundEffect(lesion_removed=removed, follows_lesion=lesion, follows_surroundings=rest, sentence="-")
    return made.model_copy(update={"sentence": surround_sentence(made, least_change)})


def _mixed(
    part: Stage, others: NDArray[np.float32], others_lesions: NDArray[np.bool_], lesions: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each image with the other's lesion (its own painted over), and the other with each image's lesion."""
    own, their = painted_over(part.images, lesions), painted_over(others, others_lesions)
    with_theirs, with_own = own.copy(), their.copy()
    for i in range(len(own)):
        t, left, b, r = box_of(others_lesions[i])
        inside = others_lesions[i][t:b, left:r]
        with_theirs[i, :, t:b, left:r] = np.where(inside, others[i, :, t:b, left:r], with_theirs[i, :, t:b, left:r])
        t, left, b, r = box_of(lesions[i])
        inside = lesions[i][t:b, left:r]
        with_own[i, :, t:b, left:r] = np.where(inside, part.images[i, :, t:b, left:r], with_own[i, :, t:b, left:r])
    return with_theirs, with_own

"""The measures by name: what each is, which way is better, where it lies, and its source."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pellucid.audit import agreement, coverage, localisation


@dataclass(frozen=True)
class Measure:
    """What a measure is, as data. `takes` says what its second argument is; the first is labels, or for masks the prediction."""

    name: str
    function: Callable[..., float]
    better: Literal["higher", "lower", "nominal"]
    bounds: tuple[float, float]
    takes: Literal["probabilities", "predicted", "sets", "mask"]
    reference: str


UNIT = (0.0, 1.0)

MEASURES: tuple[Measure, ...] = (
    Measure("auroc", agreement.auroc, "higher", UNIT, "probabilities", "doi:10.1148/radiology.143.1.7063747"),
    Measure("accuracy", agreement.accuracy, "higher", UNIT, "predicted", "share of cases predicted right"),
    Measure("balanced_accuracy", agreement.balanced_accuracy, "higher", UNIT, "predicted", "doi:10.1109/ICPR.2010.764"),
    Measure("macro_f1", agreement.macro_f1, "higher", UNIT, "predicted", "doi:10.1016/j.ipm.2009.03.002"),
    Measure("kappa", agreement.kappa, "higher", (-1.0, 1.0), "predicted", "doi:10.1177/001316446002000104"),
    Measure("quadratic_kappa", agreement.quadratic_kappa, "higher", (-1.0, 1.0), "predicted", "doi:10.1037/h0026256"),
    Measure("sensitivity", agreement.sensitivity, "higher", UNIT, "predicted", "doi:10.1136/bmj.308.6943.1552"),
    Measure("specificity", agreement.specificity, "higher", UNIT, "predicted", "doi:10.1136/bmj.308.6943.1552"),
    Measure("ece", agreement.ece, "lower", UNIT, "probabilities", "arXiv:1904.01685 (equal-mass bins)"),
    Measure(
        "brier", agreement.brier, "lower", (0.0, 2.0), "probabilities", "doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2"
    ),
    Measure(
        "log_loss", agreement.log_loss, "lower", (0.0, float("inf")), "probabilities", "doi:10.1111/j.2517-6161.1952.tb00104.x"
    ),
    Measure("coverage", coverage.coverage, "nominal", UNIT, "sets", "doi:10.1007/b106715"),
    Measure("mean_set_size", coverage.mean_set_size, "lower", (0.0, float("inf")), "sets", "doi:10.1080/01621459.2017.1395341"),
    Measure("size_stratified_coverage", coverage.size_stratified_coverage, "nominal", UNIT, "sets", "arXiv:2009.14193"),
    Measure("pointing_game", localisation.pointing_game, "higher", UNIT, "mask", "doi:10.1007/s11263-017-1059-x"),
    Measure("iou", localisation.iou, "higher", UNIT, "mask", "Jaccard 1901, doi:10.5169/seals-266450"),
    Measure("dice", localisation.dice, "higher", UNIT, "mask", "doi:10.2307/1932409"),
)

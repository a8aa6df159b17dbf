"""The measures of the concept audit by name: what each asks, which way is better, where it lies, its control and its source."""

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "nominal"]


@dataclass(frozen=True)
class ConceptMeasure:
    """What a measure is, as data."""

    name: str
    asks: str
    better: Better
    bounds: tuple[float, float]
    beside: str
    """What stands beside it: its baseline, ceiling or control."""
    source: str


UNIT, ANY, SIGNED = (0.0, 1.0), (float("-inf"), float("inf")), (-1.0, 1.0)
CBM, CTL = "Koh et al. 2020, arXiv 2007.04612", "Parisini et al. 2025, arXiv 2504.14094"
RAMAN = "Raman et al. 2025, arXiv 2401.01259"
OURS = "ours"

_ALL = (
    ConceptMeasure(
        "concept accuracy",
        "How often is the most probable state the human label?",
        "higher", UNIT, "majority; class alone, in sample and held out; second annotator; names permuted; untrained heads", CBM,
    ),
    ConceptMeasure(
        "concept AUROC", "Does the concept's probability rank the cases?", "higher", UNIT, "untrained heads; chance 0.5",
        "Hanley and McNeil 1982, doi 10.1148/radiology.143.1.7063747",
    ),
    ConceptMeasure(
        "accuracy where the class misleads", "Is the concept seen where reciting the textbook of the class would be wrong?",
        "higher", UNIT, "class alone: 0 by construction", OURS,
    ),
    ConceptMeasure(
        "ceiling", "What could any function of the hard concepts reach on these labels?", "nominal", UNIT,
        "the same held out; majority", "Pawlak 1982, doi 10.1007/BF01001956",
    ),
    ConceptMeasure(
        "answer accuracy", "How often is the category the recorded outcome (declining counts as wrong)?", "higher", UNIT,
        "the rules on the human labels; ceiling; majority", CBM,
    ),
    ConceptMeasure(
        "soft minus hard", "How much do probabilities of concepts give the answer's AUROC beyond their hard states?", "nominal",
        SIGNED, "AUROC from soft, hard and human states", "Havasi et al. 2022 (hard and soft bottlenecks), NeurIPS 35",
    ),
    ConceptMeasure(
        "cost of deleting all concepts", "How much AUROC is lost when every finding is set to unknown?", "higher", SIGNED,
        "0: an answer that came past the concepts", OURS,
    ),
    ConceptMeasure(
        "cost of permuting names", "How much AUROC is lost when findings with the same states exchange their names?", "higher",
        SIGNED, "0: names that mean nothing", OURS,
    ),
    ConceptMeasure(
        "CTL", "What do outputs say of the outcome that the true concepts do not (share of its entropy)?", "lower", UNIT,
        "the same outputs shuffled within true states", CTL,
    ),
    ConceptMeasure(
        "ICL", "What do outputs say of each other that the true concepts do not?", "lower", (0.0, float("inf")),
        "the same outputs shuffled within true states", CTL,
    ),
    ConceptMeasure(
        "conditional leakage",
        "By how many nats do outputs beside the true concepts lower the held-out log loss of the outcome?",
        "lower", ANY, "the same outputs shuffled within true states", "Xu et al. 2020, arXiv 2002.10689",
    ),
    ConceptMeasure(
        "outcome from random concepts", "How well do heads that were never trained tell the outcome (held-out accuracy)?",
        "lower", UNIT, "trained outputs; hard states; human labels; majority", OURS,
    ),
    ConceptMeasure(
        "moved by its place", "How far does the output move when the pixels of its place are taken away?", "higher", UNIT,
        "as many pixels elsewhere; everything else", RAMAN,
    ),
    ConceptMeasure(
        "place share", "Of all movement, what share comes from the place (against as many pixels elsewhere)?", "higher", UNIT,
        "0.5: the place is like any other", RAMAN,
    ),
    ConceptMeasure(
        "worst move from outside", "How far does the worst change outside the place move the output?", "lower", UNIT,
        "moved by its place", RAMAN,
    ),
    ConceptMeasure(
        "dependent pairs", "What share of the pairs of concepts is not independent given the image?", "lower", UNIT,
        "0.05: the level of the test", "Shah and Peters 2020, doi 10.1214/19-AOS1857",
    ),
    ConceptMeasure(
        "gain of correcting", "How much accuracy do all corrections together bring?", "higher", SIGNED,
        "accuracy before and after",
        "Shin et al. 2023, arXiv 2302.14260",
    ),
    ConceptMeasure(
        "informed minus random", "How much sooner does the gain come when the reader chooses what to correct?", "higher", SIGNED,
        "0: the order does not matter", "Shin et al. 2023, arXiv 2302.14260",
    ),
    ConceptMeasure(
        "concept ECE", "How far are a concept's probabilities from frequencies?", "lower", UNIT,
        "always answering the frequencies: 0", "Nixon et al. 2019, arXiv 1904.01685",
    ),
    ConceptMeasure(
        "answer ECE", "How far are the category's probabilities from frequencies?", "lower", UNIT,
        "always answering the frequencies: 0", "Nixon et al. 2019, arXiv 1904.01685",
    ),
    ConceptMeasure(
        "coverage", "How often does the confidence set hold the outcome?", "nominal", UNIT, "what was promised",
        "Vovk et al. 2005, doi 10.1007/b106715",
    ),
    ConceptMeasure(
        "coverage of a size", "The same among the sets of one size.", "nominal", UNIT, "what was promised", "arXiv 2009.14193",
    ),
    ConceptMeasure(
        "reasons that hold", "What share of the printed reasons and contrasts holds when tried out on the guideline?", "higher",
        UNIT, "reasons with one finding dropped, which must fail", "Shih, Choi, Darwiche 2018, arXiv 1805.03364",
    ),
    ConceptMeasure(
        "cases with a reason", "In what share of the cases is there a finding that the answer may be laid on?", "higher", UNIT,
        "none", OURS,
    ),
    ConceptMeasure(
        "relevance", "What share of the cited findings changes the category, the set or the next step when it is removed?",
        "higher", UNIT, "findings that are not cited; any movement of the probabilities", OURS,
    ),
    ConceptMeasure(
        "completeness", "What share of the decision margin do the cited findings alone explain?", "higher", ANY,
        "as many findings drawn at random", "after Yeh et al. 2020, arXiv 1910.07969",
    ),
    ConceptMeasure(
        "correctness", "What share of the cited findings is what the human label says?", "higher", UNIT,
        "always citing the commonest state; findings that are not cited", OURS,
    ),
    ConceptMeasure(
        "next step agreement", "How often is the next step the one that follows from the human labels?", "higher", UNIT,
        "always giving the commonest next step", OURS,
    ),
    ConceptMeasure(
        "net benefit gained", "Net benefit over the better of acting always and never, at the threshold.", "higher", ANY,
        "0: treat all or none", "Vickers and Elkin 2006, doi 10.1177/0272989X06295361",
    ),
    ConceptMeasure(
        "AURC", "Mean error over all shares of cases that are answered, the surest first.", "lower", UNIT,
        "the plain error rate: a confidence that knows nothing; the best order", "Geifman et al. 2019, arXiv 1805.08206",
    ),
    ConceptMeasure(
        "risk at 80 % coverage", "Error of the surest four fifths.", "lower", UNIT, "error of all",
        "El-Yaniv and Wiener 2010, JMLR 11:1605",
    ),
    ConceptMeasure(
        "risk at 90 % coverage", "Error of the surest nine tenths.", "lower", UNIT, "error of all",
        "El-Yaniv and Wiener 2010, JMLR 11:1605",
    ),
)  # fmt: skip

CONCEPT_MEASURES: dict[str, ConceptMeasure] = {m.name: m for m in _ALL}

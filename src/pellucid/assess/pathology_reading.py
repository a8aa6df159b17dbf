"""A reading of slides as a pathology statement: its category names a class of tissue, or a diagnosis of the table."""

from collections.abc import Mapping

from pellucid.assess.pathology import Mention, Pathology, Specimen
from pellucid.errors import InputError
from pellucid.knowledge.concordance import Table
from pellucid.knowledge.concordance.table import TISSUES, Tissue
from pellucid.record import Assessment, Observer, Reading

PLAIN: Mapping[str, Tissue] = {"benign": "nonspecific benign", **{tissue: tissue for tissue in TISSUES}}
"""Categories that name a class; a bare 'benign' names no lesion."""


def pathology_of(reading: Reading, table: Table) -> Pathology:
    """The statement of a pathology reader; InputError where no question of the reading names a class or a diagnosis."""
    imaging = [a.guideline.name for a in reading.assessments if a.guideline.name in table.guidelines]
    if imaging:
        raise InputError(f"expected a pathology reading, got one by {imaging[0]}, which is imaging of the {table.organ}")
    specimens = tuple(s for a in reading.assessments if (s := _specimen(a, table)) is not None)
    if not specimens:
        asked = ", ".join(f"{a.question}: {a.category}" for a in reading.assessments) or "no question"
        raise InputError(f"expected a category that is a class ({', '.join(PLAIN)}) or a diagnosis of the table, got {asked}")
    by = reading.provenance.by
    observer = (
        Observer(name=by, kind="person") if by else Observer(name=f"{reading.reader.name} {reading.reader.version}", kind="model")
    )
    labels = len(specimens) > 1
    return Pathology(
        organ=table.organ,
        by=observer,
        source=f"reading {reading.id[:12]}",
        specimens=tuple(
            s.model_copy(update={"label": a.question}) if labels else s
            for s, a in zip(specimens, (a for a in reading.assessments if _specimen(a, table)), strict=True)
        ),
        notes=tuple(c.text for c in reading.cautions),
    )


def _specimen(assessment: Assessment, table: Table) -> Specimen | None:
    names = {c.casefold() for c in (*assessment.probabilities, assessment.category) if c}
    words = {w.casefold(): t for t in table.terms.values() for w in (t.name, *t.also)}
    question = assessment.question.replace("-", " ")  # 'grade-group' and '2' name 'grade group 2'
    if not {*names, *(f"{question} {name}" for name in names)} & {*PLAIN, *words}:
        return None
    category = assessment.category
    if category is None:
        said = f"no category: {assessment.abstained_because}"
        return Specimen(mentions=(Mention(term=None, words=said, quote=assessment.statement, status="present"),))
    term = words.get(category.casefold()) or words.get(f"{question} {category}".casefold())
    if term is not None:
        mention = Mention(
            term=term.name, words=category, quote=assessment.statement, status="present", tissue=term.tissue, code=term.code
        )
        return Specimen(mentions=(mention,))
    tissue = PLAIN.get(category.casefold())
    if tissue is None:
        return Specimen(mentions=(Mention(term=None, words=category, quote=assessment.statement, status="present"),))
    return Specimen(stated_class=tissue)

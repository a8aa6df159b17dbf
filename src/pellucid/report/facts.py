"""What was read and by which bytes: the study in one line, the provenance as named facts."""

from dataclasses import dataclass

from pellucid.record import PreparationStep, Reading, StudyRef
from pellucid.report import words


@dataclass(frozen=True)
class Fact:
    """One named fact; `digest` is a hash to be shown short on the screen and whole on paper."""

    name: str
    text: str | None = None
    digest: str | None = None


NO_IMAGE = "No image: the findings were stated, by a person or by another system"


def study_line(study: StudyRef) -> str:
    """What was read, in one line."""
    if study.pixels_sha256 is None:
        return NO_IMAGE
    parts = [words.MODALITIES.get(study.modality, study.modality)] if study.modality else []
    parts.append(f"{study.width} × {study.height} pixels")
    if study.frame:
        parts.append(f"frame {study.frame}")
    parts.append(_spacing(study))
    parts += [f"{words.label(name)} {value}" for name, value in study.ids.items()]
    line = " · ".join(parts)
    return line[:1].upper() + line[1:]


def _spacing(study: StudyRef) -> str:
    if study.spacing_mm is None:
        return "spacing unknown"
    rows, columns = study.spacing_mm
    said = f"{columns:.4g}" if abs(rows - columns) < 1e-9 else f"{rows:.4g} (down) × {columns:.4g} (across)"
    source = f" ({study.spacing_source})" if study.spacing_source else ""
    return f"{said}{words.NBSP}mm a pixel{source}"


def provenance_facts(reading: Reading) -> tuple[Fact, ...]:
    """Everything needed to check the reading again."""
    reader, made = reading.reader, reading.provenance
    facts = [
        Fact("Reading", digest=reading.id),
        Fact("Revises", digest=reading.revises) if reading.revises else None,
        Fact("Image, by its pixels", digest=reading.study.pixels_sha256)
        if reading.study.pixels_sha256
        else Fact("Image", "none: the findings were typed"),
        Fact("File", reading.study.source) if reading.study.source else None,
        Fact("Reader", f"{reader.name} {reader.version}"),
        Fact("Weights", digest=reader.weights_sha256) if reader.weights_sha256 else Fact("Weights", "none: no model was used"),
        Fact("Calibration", digest=reader.calibration_sha256) if reader.calibration_sha256 else None,
        Fact("Reader's card", digest=reader.card_sha256) if reader.card_sha256 else None,
        *_guidelines(reading),
        Fact("Preparation", "; ".join(preparation(step) for step in made.preparation)) if made.preparation else None,
        Fact("By", made.by) if made.by else None,
        Fact("Made", made.created) if made.created else None,
        Fact("Software", made.software) if made.software else None,
    ]
    return tuple(fact for fact in facts if fact is not None)


def _guidelines(reading: Reading) -> list[Fact]:
    unique = {item.guideline.sha256: item.guideline for item in (*reading.assessments, *reading.weighed)}
    return [Fact(f"Guideline {g.name}, edition {g.edition}", digest=g.sha256) for g in unique.values()]


def preparation(step: PreparationStep) -> str:
    """`letterbox (size 384)`."""
    told = ", ".join(f"{words.inner_label(name)} {_value(value)}" for name, value in step.parameters.items())
    return f"{step.name} ({told})" if told else step.name


def _value(value: str | bool | int | float | tuple[float, ...] | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return " ".join(_value(item) for item in value)
    if isinstance(value, float):
        return words.fixed(value, 3).rstrip("0").rstrip(".")
    return str(value)

"""A reader: a model, its calibration and its guidelines put together; an image goes in, a justified reading comes out."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from pellucid.assess import conclude, revise
from pellucid.assess.calibrate import apply, round_probabilities
from pellucid.assess.conclude import Ask, cautions
from pellucid.assess.findings import Sight, findings_of
from pellucid.assess.fitted import Fitted, fitted_from_json
from pellucid.assess.installed import CALIBRATION, CARD, READERS, TRAINING_IMAGES, WEIGHTS
from pellucid.assess.novelty import novelty_score
from pellucid.assess.worked_out import work_out
from pellucid.errors import CardError, ImageError, TamperedError, UnknownName
from pellucid.images import Study, prepare
from pellucid.images.frames import StudyImage
from pellucid.images.roi import plan_within, widened
from pellucid.knowledge import Guideline, load_guideline
from pellucid.models.bottleneck import ConceptNet, Seen
from pellucid.models.build import new_net
from pellucid.models.card import Card, load_toml, parse, sha256_of
from pellucid.record import Observer, Provenance, ReaderRef, Reading, Shadow, Signals

if TYPE_CHECKING:
    from pellucid.cases import Embedding, Library, Space


@dataclass(frozen=True)
class Neighbours:
    """Where the cases that are alike are looked for, how many, and whose image is read (None: not known)."""

    library: "Library"
    space: "Space" = "both"
    k: int = 3
    patient: str | None = None


@dataclass(frozen=True)
class Reader:
    """Reads one kind of image; made by `load_reader`."""

    card: Card
    net: ConceptNet
    fitted: Fitted
    guidelines: Mapping[str, Guideline]
    """By question."""
    ref: ReaderRef
    training_images: frozenset[str] | None = None
    """SHA-256 of the display pixels of every image that it learned from; None where the reader does not say."""

    def read(self, image: Study | StudyImage, roi: Sequence[float] | None = None, *, cases: Neighbours | None = None) -> Reading:
        """A justified reading of one image, within a region of interest (x, y, w, h) in its pixels where one is given; with the
        confirmed cases that are alike where a library of `cases` is given.

        Raises ImageError for a study of several images (read them one by one from `study.images`), InputError for a region that
        does not meet the image. An image that this reader cannot judge is not an error: the assessments abstain and say why.
        """
        sight = self.see(one_image(image), roi)
        reading = self.conclude(one_image(image), sight)
        return reading if cases is None else self.compare(reading, sight, cases)

    def compare(self, reading: Reading, sight: Sight, cases: Neighbours) -> Reading:
        """The reading with the confirmed cases of other patients that are most alike, those that contradict it among them."""
        from pellucid.cases import Query, find

        query = Query(reading, self.embed(sight), cases.patient)
        similar = find(cases.library, query, space=cases.space, k=cases.k)
        return Reading.model_validate({**dict(reading), "id": "", "similar": similar})

    def embed(self, sight: Sight) -> "Embedding":
        """Where an image lies along the principal axes of the training features, each in its own spread, and whose axes."""
        from pellucid.cases import Embedding

        novelty = self.fitted.novelty
        return Embedding(self.space, (np.asarray(sight.vector) - novelty.mean) @ novelty.axes.T)

    @property
    def space(self) -> str:
        """SHA-256 of the weights and calibration by which `embed` places images: those of another space cannot be compared."""
        return hashlib.sha256(f"{self.ref.weights_sha256}{self.ref.calibration_sha256}".encode()).hexdigest()

    def see(self, image: StudyImage, roi: Sequence[float] | None = None) -> Sight:
        """What the net sees, before anything is concluded."""
        pixels, plan = image.pixels(), self.card.plan()
        if roi is not None:
            plan = plan_within(plan, widened(roi, self.card.roi_margin, (pixels.shape[0], pixels.shape[1])))
        prepared = prepare(pixels, plan)
        with torch.inference_mode():
            batch = torch.from_numpy(prepared.array).unsqueeze(0).contiguous(memory_format=torch.channels_last)
            grids = self.net.grids(batch)
            seen: Seen = self.net.bottleneck(grids)
            support = self.net.bottleneck.support(seen, grids)
        return Sight(
            prepared=prepared,
            logits=_array(seen.logits),
            support=_array(support),
            places=_array(torch.sigmoid(seen.places)),
            shadow=_array(seen.shadow),
            vector=_array(seen.vector),
        )

    def conclude(self, image: StudyImage, sight: Sight) -> Reading:
        """Findings, assessments and cautions from what was seen."""
        observer = Observer(name=f"{self.ref.name} {self.ref.version}", kind="model")
        seen = findings_of(self.card, self.fitted, sight, image.spacing_mm, observer)
        findings = work_out(seen, self.guidelines.values())
        novelty = Signals(
            novelty=round(novelty_score(self.fitted.novelty, sight.vector), 4),
            novelty_threshold=self.fitted.novelty.threshold,
            novelty_false_alarm=self.fitted.novelty.false_alarm,
        )
        assessments = tuple(
            conclude(Ask(self.guidelines[q.name], q.name, self.fitted.sets.get(q.name)), findings, novelty)
            for q in self.card.questions
        )
        signals = novelty.model_copy(update={"shadow": self._shadow(sight, {a.question: a.probabilities for a in assessments})})
        ref = image.ref()
        return Reading(
            study=ref,
            reader=self.ref,
            findings=findings,
            assessments=assessments,
            cautions=cautions(ref, findings, assessments, signals, self._asks()),
            provenance=Provenance(
                preparation=(image.display, *sight.prepared.steps),
                signals=signals,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                software=software(),
            ),
        )

    def guideline(self, question: str) -> Guideline:
        """The guideline that answers a question."""
        return self.guidelines[question]

    def _asks(self) -> list[Ask]:
        return [Ask(self.guidelines[q.name], q.name, self.fitted.sets.get(q.name)) for q in self.card.questions]

    def revise(self, reading: Reading, changes: Mapping[str, str], *, by: str) -> Reading:
        """A new reading with findings corrected by a person: the rules run again, the pixels do not."""
        return revise(reading, changes, by=by)

    def _shadow(self, sight: Sight, probabilities: Mapping[str, Mapping[str, float]]) -> tuple[Shadow, ...]:
        question = self.card.shadow_question
        own = round_probabilities(apply(self.fitted.shadow, sight.shadow))
        category = self.card.shadow_outcomes[-1]
        concept = probabilities[question].get(category)
        if concept is None:
            return ()
        disagrees = abs(own[-1] - concept) > self.fitted.shadow_limit
        return (
            Shadow(question=question, category=category, probability=own[-1], concept_probability=concept, disagrees=disagrees),
        )


def one_image(image: Study | StudyImage) -> StudyImage:
    """The one image of a study; ImageError where it has several."""
    if isinstance(image, StudyImage):
        return image
    if len(image.images) != 1:
        raise ImageError(f"{image.source}: expected one image, got {len(image.images)}; read them one by one from study.images")
    return image.images[0]


def _array(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor[0].double().numpy()


@cache
def software() -> str:
    """Name and version of this software, as provenance gives it."""
    try:
        return f"pellucid {version('pellucid')}"
    except PackageNotFoundError:
        return "pellucid (not installed)"


def list_readers() -> tuple[str, ...]:
    """Names of the readers that ship."""
    return tuple(sorted(p.name for p in READERS.iterdir() if (p / CARD).is_file())) if READERS.is_dir() else ()


def reader_folder(name: str | Path) -> Path:
    """The folder of a shipped reader by name, or of a user's reader by path; UnknownName with the nearest name otherwise."""
    for folder in (READERS / str(name), Path(name)):
        if (folder / CARD).is_file():
            return folder
    raise UnknownName("reader", str(name), list_readers(), "the readers that ship (or give the folder of your own)")


def load_reader(name: str | Path) -> Reader:
    """A reader by the name it ships under, or by the folder that training wrote; weights and calibration are checked by hash.

    Raises:
        UnknownName: there is no such reader.
        CardError: the card or the calibration does not fit.
        TamperedError: a file's hash is not the one in the card.
    """
    folder = reader_folder(name)
    card = parse(Card, load_toml(folder / CARD), str(folder / CARD))
    for file, expected in ((WEIGHTS, card.files.weights_sha256), (CALIBRATION, card.files.calibration_sha256)):
        if not (folder / file).is_file():
            raise CardError(f"{folder}: expected {file} beside the card, got nothing; copy the reader's folder again")
        if (got := sha256_of(folder / file)) != expected:
            raise TamperedError(
                f"{folder / file}: expected SHA-256 {expected[:12]}… as in the card, got {got[:12]}…; it was changed"
            )
    net = new_net(card, pretrained=False)
    try:
        net.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(folder / WEIGHTS).items()})
    except (RuntimeError, SafetensorError) as error:
        told = str(error).splitlines()[0]
        raise CardError(
            f"{folder / WEIGHTS}: expected the weights of the net in the card, got others ({told}); train it again"
        ) from None
    fitted = fitted_from_json((folder / CALIBRATION).read_text(encoding="utf-8"), str(folder / CALIBRATION))
    return replace(assemble(card, net, fitted, sha256_of(folder / CARD)), training_images=_training_images(folder))


def _training_images(folder: Path) -> frozenset[str] | None:
    """The pixel hashes that training left beside the card; None where it left none."""
    file = folder / TRAINING_IMAGES
    if not file.is_file():
        return None
    try:
        return frozenset(str(name) for name in json.loads(file.read_text(encoding="utf-8"))["pixels_sha256"])
    except (KeyError, TypeError, ValueError) as error:
        told = f"{file}: expected what training writes, got something else ({error}); copy the reader's folder again"
        raise CardError(told) from None


def assemble(card: Card, net: ConceptNet, fitted: Fitted, card_sha256: str | None = None) -> Reader:
    """A reader from its parts; CardError where the calibration lacks a concept, UnknownName where a guideline lacks one."""
    for concept in card.concepts:
        if concept.name not in fitted.calibrations:
            raise CardError(f"reader {card.reader.name}: the calibration lacks the concept {concept.name!r}; train it again")
    guidelines = {q.name: load_guideline(q.guideline) for q in card.questions}
    for guideline in guidelines.values():
        for spec in (*card.concepts, *card.unjudged):
            if spec.name not in guideline.concepts:
                raise UnknownName("concept", spec.name, guideline.concepts, f"guideline {guideline.name}")
            if guideline.concepts[spec.name].states != spec.states:
                raise CardError(
                    f"concept {spec.name}: expected the states {guideline.concepts[spec.name].states}, got {spec.states}"
                )
    ref = ReaderRef(
        name=card.reader.name,
        version=card.reader.version,
        weights_sha256=card.files.weights_sha256,
        calibration_sha256=card.files.calibration_sha256,
        card_sha256=card_sha256,
    )
    return Reader(card, net.eval().to(memory_format=torch.channels_last), fitted, guidelines, ref)

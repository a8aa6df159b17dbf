"""Images in: studies from files, preparation with its inverse, outlines and measurements of masks; numpy and Pillow."""

from pellucid.images.display import is_blank
from pellucid.images.frames import Study, StudyImage
from pellucid.images.measure import Measure, Measures, measure
from pellucid.images.outline import components, fill, outlines
from pellucid.images.prepare import Prepared, prepare, replay
from pellucid.images.study import open_study, study_from_array

__all__ = [
    "Measure",
    "Measures",
    "Prepared",
    "Study",
    "StudyImage",
    "components",
    "fill",
    "is_blank",
    "measure",
    "open_study",
    "outlines",
    "prepare",
    "replay",
    "study_from_array",
]

"""The example of several lesions in every form is one that is accepted as it stands."""

import re
from pathlib import Path

import pytest

from pellucid.assess.lesions import assess_stated
from pellucid.assess.typed import read_typed
from pellucid.knowledge import load_guideline
from pellucid.knowledge.loader import list_guidelines
from pellucid.knowledge.template import template


@pytest.mark.parametrize("name", list_guidelines())
def test_the_lesions_of_the_form_are_accepted_when_uncommented(name: str, tmp_path: Path) -> None:
    guideline = load_guideline(name)
    lines = template(guideline).splitlines()
    start = lines.index("# lesions:")
    form = lines[:start] + [re.sub(r"^# ?", "", line) for line in lines[start:]]
    file = tmp_path / "findings.yaml"
    file.write_text("\n".join(form).replace('by: ""', "by: Dr A") + "\n", encoding="utf-8")
    assert len(assess_stated(read_typed(file, guideline), guideline).lesions) == 2

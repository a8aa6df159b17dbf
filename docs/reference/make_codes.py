"""Writes docs/reference/codes.md and src/pellucid/knowledge/codes.csv from the packs; `make docs` runs it, a test compares."""

from pathlib import Path

import pellucid.knowledge
from pellucid.knowledge import list_guidelines, load_guideline
from pellucid.knowledge.codes import PRIVATE, CodeRow, code_list, codes_of

PAGE = Path(__file__).with_name("codes.md")
LIST = Path(pellucid.knowledge.__file__).with_name("codes.csv")

HEAD = f"""# Codes

*Made from the packs by `make docs`; a test compares.* All of it for machines: `pellucid/knowledge/codes.csv`, with the
columns `pack, kind, of, name, scheme, value, meaning`
(`of` is the concept of a state, the question of a category, the differential of a diagnosis).

- A concept carries the code that its pack cites: DICOM (`DCM`), SNOMED CT (`SCT`) or RadLex (`RADLEX`), and only such as
  pydicom's dictionaries hold. The state "present" is SCT 52101004.
- Everything else has a private code of the scheme `{PRIVATE}`: the letter P and the first ten hexadecimal digits, in
  capitals, of the SHA-256 of
  `NAME-EDITION/KIND/OF/NAME` in UTF-8. It never changes, because an edition never does; another edition has codes of its own.
- A category carries a public code only where pydicom's dictionaries hold one for exactly that category: mammography 0, 1, 2, 3, 5
  and the undivided 4 (`SCT`), prostate lesions and diffusion scores (`RADLEX`). 4A to 4C have none, and there are none for breast
  ultrasound, screening CT, liver, thyroid, kidney, eye and skin: those are private.
- A code names a concept. It does not say that the owner of a guideline has endorsed anything.

## Concepts with a public code
"""

LIDC = """## Findings of LIDC-IDRI

How the scales of the annotation database read as concepts, with the codes of its published mapping to DICOM (QIICR,
lidc2dicom). Malignancy is a reader's impression, not pathology.

| scale | code | read as |
|---|---|---|
| subtlety 1 to 5 | NCIt C45992 | extremely subtle to obvious |
| internal structure 1 to 4 | 99LIDCQIICR 200 | soft tissue, fluid, fat, air; 3 counts as fat |
| calcification 1 to 6 | NCIt C3672 | popcorn, laminated, solid, non-central, central, absent; 1, 2, 3 and 5 are benign patterns |
| sphericity 1, 3, 5 | 99LIDCQIICR 400 | linear, ovoid, round |
| margin 1 to 5 | NCIt C25563 | poorly defined (RID5709) to sharp (RID5707) |
| lobulation 1 to 5 | NCIt C62175 | none to marked |
| spiculation 1 to 5 | NCIt C28749 | none to marked |
| texture 1 to 5 | NCIt C41144 | 1 non-solid (RID50153), 2 to 4 part-solid (3: RID50152), 5 solid (RID50151) |
| malignancy 1 to 5 | RADLEX RID36042 | highly unlikely to highly suspicious |

Calcification: popcorn RID35453, central RID5827, absent RID28473 (RADLEX, as all of RID). These codes are cited from it;
pydicom's dictionaries hold none of them, so they are kept out of the list above
and of `codes.csv`. An early part of the cases has the scales of lobulation and spiculation turned round.
"""


def rows() -> list[CodeRow]:
    """The codes of every pack that ships."""
    return [row for name in list_guidelines() for row in codes_of(load_guideline(name))]


def page(found: list[CodeRow]) -> str:
    """The whole page."""
    lines = [HEAD, "| pack | concept | code | meaning |", "|---|---|---|---|"]
    public = [row for row in found if row.kind == "concept" and row.scheme != PRIVATE]
    lines += [f"| {row.pack} | `{row.name}` | {row.scheme} {row.value} | {row.meaning} |" for row in public]
    lines += ["", "## Categories with a public code", "", "| pack | question | category | code | meaning |"]
    lines.append("|---|---|---|---|---|")
    coded = [row for row in found if row.kind == "category" and row.scheme != PRIVATE]
    lines += [f"| {row.pack} | `{row.of}` | {row.name} | {row.scheme} {row.value} | {row.meaning} |" for row in coded]
    lines += [
        "",
        "## How many",
        "",
        "| pack | concepts, public code | concepts, private | states | categories | diagnoses |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for pack in dict.fromkeys(row.pack for row in found):
        mine = [row for row in found if row.pack == pack]
        concepts = [row.scheme == PRIVATE for row in mine if row.kind == "concept"]
        counts = [sum(row.kind == kind for row in mine) for kind in ("state", "category", "diagnosis")]
        lines.append(f"| {pack} | {concepts.count(False)} | {concepts.count(True)} | {' | '.join(map(str, counts))} |")
    return "\n".join([*lines, "", LIDC])


if __name__ == "__main__":
    found = rows()
    LIST.write_text(code_list(found), encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    print(f"wrote {LIST} and {PAGE}")

"""Writes the lists of docs/reference/explanation-methods.md from the tables; `make docs` runs it, a test compares."""

from pathlib import Path

from pellucid.explain import FAMILIES, METHODS, Method

PAGE = Path(__file__).with_name("explanation-methods.md")
NEEDS = {
    "gradients": "gradients",
    "grid": "a layer that keeps places, and gradients from it on",
    "attention": "attention from every token to every token, and gradients",
    "forward only": "the forward pass only",
    "concept evidence": "Pellucid's concept net",
}
WITHOUT = {"grid": "a layer that keeps places", "attention": "attention from every token to every token"}
REFUSED = {
    "gradients": "the forward leaves the graph; the score moves with no pixel",
    "grid": "the layer has no places, or the score does not depend on them",
    "attention": "a CNN; attention within windows; tokens not in reading order",
    "forward only": "",
    "concept evidence": "any other model",
}


def needs(line: Method) -> str:
    """What a method needs, in words."""
    return NEEDS[line.needs] if line.gradients else WITHOUT.get(line.needs, NEEDS[line.needs])


def options(line: Method) -> str:
    """The options with their defaults."""
    return ", ".join(f"`{name}={value!r}`" for name, value in line.options.items()) or "none"


def methods() -> str:
    """Every method of the table."""
    lines: list[str] = []
    for name, line in METHODS.items():
        sign = "signed" if line.signed else "not signed"
        refused = "; ".join(part for part in (REFUSED[line.needs], line.refused) if part) or "never, if the model runs"
        lines.append(
            f"**`{name}`** ({sign}{', experimental' if line.experimental else ''}): {line.gives}.\n"
            f"- needs {needs(line)}; cost: {line.cost}; options: {options(line)}\n"
            f"- refused when: {refused}\n"
            f"- {line.reference}\n"
        )
    return "\n".join(lines)


def families() -> str:
    """Every family of models."""
    rows = "".join(f"| `{name}` | {what} |\n" for name, what in FAMILIES.items())
    return f"| family | what it is |\n|---|---|\n{rows}"


def page() -> str:
    """The page, with its lists as the tables are now."""
    text = PAGE.read_text(encoding="utf-8")
    for name, made in (("methods", methods()), ("families", families())):
        before, rest = text.split(f"<!-- {name} -->\n")
        _, after = rest.split(f"<!-- end of {name} -->")
        text = f"{before}<!-- {name} -->\n{made}<!-- end of {name} -->{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""The README.md of a model's folder: what it is, what it learnt from, how well, and the command that uses it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TITLES = {
    "base": "A Base-LCM",
    "one_tower": "A One-Tower diffusion LCM",
    "two_tower": "A Two-Tower diffusion LCM",
}


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """All that a card tells."""

    name: str
    family: str
    space: str
    config: Mapping[str, Any]
    """Fields of the family's config."""
    facts: Mapping[str, Any]
    """Told by who trained it: `trained_on`, `steps`, `validation_loss`, `license`, …"""
    parameters: int
    precision: str
    """Of the stored weights, such as float16."""
    validations: Mapping[int, float] | None = None
    """Step → validation loss, if the run's metrics are known."""


def write_card(about: CardFacts) -> str:
    """The card's text: the Hub's header of YAML, then Markdown."""
    title = _TITLES.get(about.family, f"A concept model of family `{about.family}`")
    parts = [
        header(about.family, about.space, about.facts),
        f"# {about.name}\n",
        f"{title} of the concept space `{about.space}`: {about.parameters:,} parameters, stored in {about.precision}.\n",
        f"```\n{use_command(about.name)}\n```\n",
        _table(("trained", ""), _rows(about.facts)) if about.facts else "",
        _table(("architecture", ""), _rows(about.config)),
    ]
    if about.validations:
        parts.append(f"## Validation\n\n{validation_table(about.validations)}")
    return "\n".join(part for part in parts if part)


def use_command(place: str) -> str:
    """The command that lets a model go on with a text; `place` is what `--model` takes."""
    return f'lcm generate "One day, a fox was walking about in the village." --model {place}'


def header(family: str, space: str, facts: Mapping[str, Any]) -> str:
    """The YAML between `---` that the Hugging Face Hub reads. A license stands there only if the facts name one."""
    tags = ["large-concept-model", f"lcm-{family.replace('_', '-')}", space]
    lines = ["library_name: lcm", "pipeline_tag: text-generation", "tags:", *(f"- {json.dumps(tag)}" for tag in tags)]
    if facts.get("license"):
        lines.append(f"license: {json.dumps(str(facts['license']))}")
    return "\n".join(["---", *lines, "---\n"])


def validation_table(losses: Mapping[int, float], most: int = 30) -> str:
    """Step → loss as a table, the best in bold; of more than about `most` rows every nth, and always the best and the last."""
    steps = sorted(losses)
    best = min(steps, key=lambda step: losses[step])
    every = -(-len(steps) // most)
    shown = [step for i, step in enumerate(steps) if i % every == every - 1 or step in (best, steps[-1])]
    rows = [(f"{step:,}", f"**{losses[step]:.4g}**" if step == best else f"{losses[step]:.4g}") for step in shown]
    return _table(("step", "validation loss"), rows)


def _rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), _said(value)) for name, value in values.items()]


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("|", "\\|").replace("\n", " ")
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if type(value) is int else json.dumps(value, ensure_ascii=False)


def _table(head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    lines = [f"| {left} | {right} |" for left, right in (head, ("---", "---"), *rows)]
    return "\n".join(lines) + "\n"

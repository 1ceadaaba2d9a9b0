"""The families of concept models by name. A new one is one file that ends in `register(Family(…))`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

from lcm.models.contract import ConceptModel, ModelError


@dataclass(frozen=True, kw_only=True)
class Family:
    """A model class, its config, and the named architectures. fairseq2 knows it as `lcm_<name>`."""

    name: str
    config: type[Any]
    model: type[ConceptModel]
    architectures: Mapping[str, Any]


_FAMILIES: dict[str, Family] = {}


def register(family: Family) -> None:
    """Make a family known to `create_model`, to checkpoints, and to fairseq2 when it starts."""
    _FAMILIES[family.name] = family


def get_family(name: str) -> Family:
    """The family of that name; ModelError names those that there are."""
    if name not in _FAMILIES:
        raise ModelError(f"Unknown model family '{name}'. There are: {', '.join(sorted(_FAMILIES))}.")
    return _FAMILIES[name]


def families() -> Iterator[Family]:
    """All families, in order of registration."""
    yield from _FAMILIES.values()


def create_model(family: str, architecture: str = "tiny", **fields_to_set: Any) -> ConceptModel:
    """A new model with random weights, such as `create_model("base", "tiny", concept_dim=space.dim)`.

    Fields of the config that are given replace the architecture's. Raises ModelError for an unknown name or value.
    """
    known = get_family(family)
    if architecture not in known.architectures:
        names = ", ".join(known.architectures)
        raise ModelError(f"Family '{family}' has no architecture '{architecture}'. It has: {names}.")
    return known.model(configure(known, known.architectures[architecture], fields_to_set))


def configure(family: Family, base: Any, fields_to_set: Mapping[str, Any]) -> Any:
    """The config `base` with some fields replaced; an unknown field is a ModelError naming its neighbours."""
    names = [field.name for field in fields(family.config)]
    for name in fields_to_set:
        if name not in names:
            near = get_close_matches(name, names) or names
            raise ModelError(f"Family '{family.name}' has no field '{name}'. Perhaps {' or '.join(near)}?")
    return replace(base, **fields_to_set)

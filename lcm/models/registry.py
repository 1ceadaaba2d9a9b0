"""The families of concept models by name. A new one is one file that ends in `register(Family(…))`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from torch.nn import Module

from lcm.models.contract import ConceptModel, ModelError

if TYPE_CHECKING:
    from fairseq2.nn.fsdp import FSDPWrapper
    from fairseq2.runtime.dependency import DependencyContainer


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


def register_with_fairseq2(container: DependencyContainer) -> None:
    """Every family with its architectures, so that fairseq2's hub, FSDP and activation checkpointing know them."""
    from fairseq2.composition import register_model_family
    from fairseq2.runtime.config_registry import ConfigRegistrar

    for family in _FAMILIES.values():
        register_model_family(
            container,
            f"lcm_{family.name}",
            kls=family.model,
            config_kls=family.config,
            factory=family.model,
            fsdp_applier=shard_layers,
            layerwise_ac_applier=checkpoint_layers,
        )
        for name, config in family.architectures.items():
            ConfigRegistrar(container, family.config)(name)(lambda config=config: config)


def shard_layers(model: ConceptModel, granularity: str, wrapper: FSDPWrapper) -> Module:
    """Wrap each layer of a model for FSDP (`granularity` is fairseq2's; it must be "layer")."""
    from fairseq2.error import NotSupportedError
    from fairseq2.models.utils.fsdp import apply_layerwise_fsdp

    if granularity != "layer":
        raise NotSupportedError(f"`granularity` must be layer, but is {granularity} instead.")
    for stack in model.stacks:
        apply_layerwise_fsdp(stack, wrapper)
    return model


def checkpoint_layers(model: ConceptModel, every_nth_layer: int) -> Module:
    """Compute the activations of every nth layer again in the backward pass instead of keeping them."""
    from fairseq2.models.utils.ac import apply_layerwise_ac

    for stack in model.stacks:
        apply_layerwise_ac(stack, every_nth_layer)
    return model

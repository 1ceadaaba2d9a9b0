"""The concept models as fairseq2 sees them: families, architectures, asset cards, FSDP, activation checkpointing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from torch.nn import Module

from lcm.models.checkpoint import WEIGHTS, ModelInfo, shipped_models
from lcm.models.contract import ConceptModel
from lcm.models.registry import families

if TYPE_CHECKING:
    from fairseq2.nn.fsdp import FSDPWrapper
    from fairseq2.runtime.dependency import DependencyContainer


def register_with_fairseq2(container: DependencyContainer) -> None:
    """Every family with its architectures, and a card for every shipped model (`load_model("base_tiny")`)."""
    from fairseq2.composition import register_in_memory_assets, register_model_family
    from fairseq2.runtime.config_registry import ConfigRegistrar

    for family in families():
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
            ConfigRegistrar(container, family.config)(name)(partial(replace, config))
    cards = [asset_card(info) for info in shipped_models()]
    register_in_memory_assets(container, "lcm.models.cards", cards)


def asset_card(info: ModelInfo) -> dict[str, object]:
    """The card under which fairseq2's `load_model(name)` finds a model."""
    return {
        "name": info.name,
        "model_family": f"lcm_{info.family}",
        "model_config": {"_set_": dict(info.config)},
        "checkpoint": str((info.folder / WEIGHTS).resolve()),
    }


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

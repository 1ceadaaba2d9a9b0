"""Concept models: given the concepts of a text so far, the next one."""

from lcm.models.base import BaseConfig, BaseLCM
from lcm.models.contract import Batch, ConceptModel, LossTerms, ModelError, State
from lcm.models.registry import (
    Family,
    checkpoint_layers,
    create_model,
    get_family,
    register,
    register_with_fairseq2,
    shard_layers,
)

__all__ = [
    "BaseConfig",
    "BaseLCM",
    "Batch",
    "ConceptModel",
    "Family",
    "LossTerms",
    "ModelError",
    "State",
    "checkpoint_layers",
    "create_model",
    "get_family",
    "register",
    "register_with_fairseq2",
    "shard_layers",
]

"""Concept models: given the concepts of a text so far, the next one."""

from lcm.diffusion import Sampler
from lcm.models.base import BaseConfig, BaseLCM
from lcm.models.checkpoint import (
    LoadedModel,
    ModelInfo,
    find_model,
    load_model_folder,
    read_info,
    save_model,
    shipped_models,
)
from lcm.models.contract import Batch, ConceptModel, LossTerms, ModelError, State
from lcm.models.hub import checkpoint_layers, register_with_fairseq2, shard_layers
from lcm.models.one_tower import OneTowerConfig, OneTowerLCM
from lcm.models.registry import Family, create_model, get_family, register
from lcm.models.two_tower import TwoTowerConfig, TwoTowerLCM

__all__ = [
    "BaseConfig",
    "BaseLCM",
    "Batch",
    "ConceptModel",
    "Family",
    "LoadedModel",
    "LossTerms",
    "ModelError",
    "ModelInfo",
    "OneTowerConfig",
    "OneTowerLCM",
    "Sampler",
    "State",
    "TwoTowerConfig",
    "TwoTowerLCM",
    "checkpoint_layers",
    "create_model",
    "find_model",
    "get_family",
    "load_model_folder",
    "read_info",
    "register",
    "register_with_fairseq2",
    "save_model",
    "shard_layers",
    "shipped_models",
]

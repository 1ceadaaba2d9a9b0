"""Concept models: given the concepts of a text so far, the next one."""

from lcm.diffusion import Sampler
from lcm.models.base import BaseConfig, BaseLCM
from lcm.models.card import validation_table
from lcm.models.checkpoint import (
    CONFIG,
    LoadedModel,
    ModelInfo,
    find_model,
    load_model_folder,
    models_below,
    read_info,
    save_model,
    shipped_models,
)
from lcm.models.contract import Batch, ConceptModel, LossTerms, ModelConfig, ModelError, State, check_lengths, layout_of
from lcm.models.diffusion_config import TIMESTEP_BUCKETS
from lcm.models.diffusion_model import DiffusionLCM
from lcm.models.hub import checkpoint_layers, register_with_fairseq2, shard_layers
from lcm.models.metrics import read_metrics, read_validations
from lcm.models.one_tower import OneTowerConfig, OneTowerLCM
from lcm.models.registry import Family, create_model, families, get_family, register
from lcm.models.released import Conversion, convert_released
from lcm.models.sharing import download_model, export_model, hub_name, push_model
from lcm.models.two_tower import TwoTowerConfig, TwoTowerLCM

__all__ = [
    "CONFIG",
    "TIMESTEP_BUCKETS",
    "BaseConfig",
    "BaseLCM",
    "Batch",
    "ConceptModel",
    "Conversion",
    "DiffusionLCM",
    "Family",
    "LoadedModel",
    "LossTerms",
    "ModelConfig",
    "ModelError",
    "ModelInfo",
    "OneTowerConfig",
    "OneTowerLCM",
    "Sampler",
    "State",
    "TwoTowerConfig",
    "TwoTowerLCM",
    "check_lengths",
    "checkpoint_layers",
    "convert_released",
    "create_model",
    "download_model",
    "export_model",
    "families",
    "find_model",
    "get_family",
    "hub_name",
    "layout_of",
    "load_model_folder",
    "models_below",
    "push_model",
    "read_info",
    "read_metrics",
    "read_validations",
    "register",
    "register_with_fairseq2",
    "save_model",
    "shard_layers",
    "shipped_models",
    "validation_table",
]

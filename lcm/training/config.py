"""From a composed Hydra configuration to our dataclasses: checked once, here."""

from __future__ import annotations

from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lcm.training.trainer import TrainingError

ConfigT = TypeVar("ConfigT")


def to_config(kind: type[ConfigT], composed: DictConfig) -> ConfigT:
    """The composed values as a `kind`; a missing or unknown key, or a wrong type, raises TrainingError naming it."""
    try:
        schema = OmegaConf.structured(kind)
        _unlock(schema)
        return cast(ConfigT, OmegaConf.to_object(OmegaConf.merge(schema, composed)))
    except OmegaConfBaseException as error:
        what = str(error).splitlines()[0]
        raise TrainingError(
            f"Configuration: {what} (at '{error.full_key or 'top'}'). See the fields of {kind.__name__}."
        ) from None


def _unlock(node: Any) -> None:
    """Frozen dataclasses become read-only nodes, which could not take the composed values; required ones are not made yet."""
    if isinstance(node, DictConfig) and not node._is_none():
        OmegaConf.set_readonly(node, None)
        for key in node:
            kind = node._get_node(key)._metadata.ref_type  # type: ignore[union-attr]
            if OmegaConf.is_missing(node, key) and is_dataclass(kind):
                node[key] = OmegaConf.structured(kind)
            if not OmegaConf.is_missing(node, key):
                _unlock(node._get_node(key))


def configs_folder() -> Path:
    """The Hydra tree: beside the package in a clone, inside it when installed from a wheel."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"

"""The model card of a released checkpoint: what stands in no tensor, and what ours must not differ in.

A setting under which our model would compute something else is refused by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lcm.models.contract import ModelError

FAMILIES = {"base_lcm": "base", "two_tower_diffusion_lcm": "two_tower"}
"""`model_family` of a card → our family."""


def _two_tower(model_dim: int, denoiser_layers: int, heads: int) -> dict[str, Any]:
    return {
        "model_dim": model_dim,
        "max_seq_len": 4096,
        "context_encoder": {"num_layers": 5, "num_attn_heads": heads, "rope_theta": 10_000.0},
        "denoiser": {"num_layers": denoiser_layers, "num_attn_heads": heads},
        "noise_scheduler": {
            "num_diffusion_train_steps": 100,
            "beta_schedule": "squaredcos_cap_v2",
            "prediction_type": "sample",
            "rescale_betas_zero_snr": True,
        },
    }


_ARCHITECTURES: dict[str, dict[str, Any]] = {
    "base_lcm_1_6B": {
        "model_dim": 2048,
        "max_seq_len": 4096,
        "lcm": {"num_layers": 32, "num_attn_heads": 16, "rope_theta": 10_000.0},
    },
    "two_tower_diffusion_lcm_1_6B": _two_tower(2048, 13, 16),
    "two_tower_diffusion_lcm_7B": _two_tower(4096, 14, 32),
}
"""What a card that only names its architecture leaves out."""

_BLOCK: dict[str, Any] = {
    "use_swiglu": True,
    "layer_normalization_style": "rms",
    "norm_order_style": "pre",
    "final_norm_order_style": (None, "pre"),
    "pos_embedding_style": "rope",
    "mha_output_proj_bias": True,
    "enable_qk_layernorm": False,
    "mha_qkv_weight_normalization": False,
    "mha_output_weight_normalization": False,
    "scale_residual": None,
}
_FRONTEND = {"pre_linear_bias": True, "scale_embeddings": False, "weight_normalization": False}
_HEAD = {"linear_bias": True, "activation_name": None, "weight_normalization": False}
_SWITCHES: dict[str, dict[str, dict[str, Any]]] = {
    "base": {"frontend": _FRONTEND, "lcm": _BLOCK, "postnet": _HEAD},
    "two_tower": {
        "frontend": _FRONTEND,
        "context_encoder": _BLOCK,
        "denoiser": _BLOCK | {"pos_embedding_style": (None, "none")},
        "denoiser.pre_denoiser": _HEAD,
        "denoiser.post_denoiser": _HEAD,
        "noise_scheduler": {
            "clip_sample": False, "thresholding": False, "set_alpha_to_one": True, "timestep_spacing": "trailing",
        },
    },
}  # fmt: skip
"""Settings that change what a model computes, and the one value (or two of one meaning) that ours has."""

_PREDICTIONS = {"sample": "x0", "epsilon": "epsilon", "v_prediction": "v"}


@dataclass(frozen=True)
class ReleasedCard:
    """What a model card says of its model: `model_config` over the architecture that `model_arch` names."""

    path: Path
    name: str
    family: str | None
    arch: str | None
    settings: Mapping[str, Any]

    @staticmethod
    def read(path: Path) -> ReleasedCard:
        try:
            content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelError(
                f"{path}: no such file, and heads and noise schedule stand in no tensor. Give the card with --config."
            ) from None
        except (OSError, UnicodeDecodeError, YAMLError) as error:
            reason = type(error).__name__
            raise ModelError(f"{path}: cannot be read as a YAML model card ({reason}). Copy it again.") from None
        if not isinstance(content, dict) or not isinstance(content.get("model_config") or {}, dict):
            raise ModelError(f"{path}: must be a mapping with model_arch, model_config or both. Copy it again.")
        family, arch = content.get("model_family"), content.get("model_arch")
        if family is not None and family not in FAMILIES:
            raise ModelError(f"{path}: model_family is {family!r}, but must be one of {', '.join(FAMILIES)}.")
        settings = _overlay(_ARCHITECTURES.get(str(arch), {}), content.get("model_config") or {})
        return ReleasedCard(path, str(content.get("name", path.parent.name)), family, arch, settings)

    def get(self, field: str, default: Any = None) -> Any:
        """The value of a dotted field."""
        value: Any = self.settings
        for part in field.split("."):
            if not isinstance(value, dict) or part not in value:
                return default
            value = value[part]
        return value

    def need(self, field: str, *kinds: type) -> Any:
        """Its value, which must be there and of one of the kinds."""
        value = self.get(field)
        if value is None:
            known = f"model_arch {self.arch!r} is not known (only {', '.join(_ARCHITECTURES)} are)"
            why = "its model_arch does not tell it" if self.arch in _ARCHITECTURES else known
            raise ModelError(f"{self.path}: {field} is missing from model_config, and {why}. Add it to model_config.")
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ModelError(
                f"{self.path}: {field} is {value!r}, but must be {' or '.join(k.__name__ for k in kinds)}."
            )
        return value

    def check_switches(self, family: str) -> None:
        """Refuse what ours does not compute. A switch that is not mentioned has the released architectures' value."""
        for section, switches in _SWITCHES[family].items():
            for switch, ours in switches.items():
                allowed = ours if isinstance(ours, tuple) else (ours,)
                value = self.get(f"{section}.{switch}", allowed[0])
                if not any(value is one or (value == one and type(value) is type(one)) for one in allowed):
                    raise ModelError(
                        f"{self.path}: {section}.{switch} is {_yaml(value)}, but models here are "
                        f"{' or '.join(map(_yaml, allowed))}: the outputs would differ. It cannot be converted."
                    )


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        known = merged.get(name)
        merged[name] = _overlay(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _yaml(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def noise_fields(card: ReleasedCard) -> dict[str, Any]:
    """The fields of a diffusion config."""
    prediction = card.need("noise_scheduler.prediction_type", str)
    if prediction not in _PREDICTIONS:
        names = ", ".join(_PREDICTIONS)
        raise ModelError(f"{card.path}: noise_scheduler.prediction_type is {prediction!r}, but must be one of {names}.")
    return {
        "diffusion_steps": card.need("noise_scheduler.num_diffusion_train_steps", int),
        "schedule": _schedule(card),
        "zero_terminal_snr": card.need("noise_scheduler.rescale_betas_zero_snr", bool),
        "prediction": _PREDICTIONS[prediction],
        "context_drop": 0.15 if card.get("trained_with_cf_guidance", True) else 0.0,  # the share stands in no card
    }


def _schedule(card: ReleasedCard) -> str:
    def numbers(*names: str) -> str:
        return ", ".join(str(float(card.need(f"noise_scheduler.{name}", int, float))) for name in names)

    kind = card.need("noise_scheduler.beta_schedule", str)
    if kind == "squaredcos_cap_v2":
        return "cosine"
    if kind == "sigmoid":
        return f"sigmoid({numbers('sigmoid_schedule_alpha', 'sigmoid_schedule_beta')})"
    if kind == "linear":
        return f"linear({numbers('beta_start', 'beta_end')})"
    if kind != "scaled_linear":
        names = "squaredcos_cap_v2, scaled_linear, sigmoid or linear"
        raise ModelError(f"{card.path}: noise_scheduler.beta_schedule is {kind!r}, but must be {names}.")
    exponent = card.get("noise_scheduler.scaled_linear_exponent", 2)
    if exponent != 2:
        raise ModelError(
            f"{card.path}: noise_scheduler.scaled_linear_exponent is {exponent}, but must be 2 (quadratic). "
            f"It cannot be converted."
        )
    return f"quadratic({numbers('beta_start', 'beta_end')})"

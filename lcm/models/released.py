"""Checkpoints of the released Base-LCM and Two-Tower diffusion LCM (facebookresearch/large_concept_model, January 2025).

    step_N/model.pt: tensors under their names → ours, sizes from their shapes
    step_N/model_card.yaml → heads, positions, noise schedule, which no tensor tells (see released_card)

Letters: E concept size, D width.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcm.errors import LCMError
from lcm.models.checkpoint import CONFIG, ModelInfo, read_info, save_model
from lcm.models.contract import ConceptModel, ModelError
from lcm.models.registry import get_family
from lcm.models.released_card import FAMILIES, ReleasedCard, noise_fields

WEIGHTS, CARD = "model.pt", "model_card.yaml"
UNKNOWN_SPACE = "unknown"
"""Recorded as the concept space of a model that is neither SONAR's size nor told its space."""

_NAMES = {
    "base": {
        "normalizer.": "frontend.sonar_normalizer.",
        "prenet.": "frontend.pre_linear.",
        "transformer.norm.": "lcm.layer_norm.",
        "transformer.": "lcm.",
        "postnet.": "postnet.fc.",
    },
    "two_tower": {
        "normalizer.": "sonar_normalizer.",
        "contextualizer.prenet.": "encoder_frontend.pre_linear.",
        "contextualizer.transformer.norm.": "context_encoder.layer_norm.",
        "contextualizer.transformer.": "context_encoder.",
        "time_embedding.": "denoiser.embed_time.",
        "denoiser.prenet.": "denoiser.initial_proj.fc.",
        "denoiser.norm.": "denoiser.layer_norm.",
        "denoiser.postnet.": "denoiser.final_proj.fc.",
    },
}
"""How our names begin, and theirs; the first that fits."""

_NAMES_IN_A_LAYER = {
    "self_attn_norm": "self_attn_layer_norm",
    "cross_attn_norm": "cross_attention_layer_norm",
    "cross_attn": "cross_attention",
    "ffn_norm": "ffn_layer_norm",
    "modulation": "modulator.fc",
}

_NEEDLESS = re.compile(r"denoiser\.layers\.\d+\.self_attn\.[qk]_proj\.(weight|bias)")
"""Queries and keys of attention over one's own slot alone: its softmax is 1 whatever they are."""

_STACKS = {
    "base": {"lcm": "num_layers"},
    "two_tower": {"context_encoder": "context_layers", "denoiser": "denoiser_layers"},
}
"""The released transformers, and where our configs keep their layer counts."""


@dataclass(frozen=True)
class Conversion:
    """What became of a released checkpoint."""

    info: ModelInfo
    notes: list[str]
    """A sentence for each thing that was left out or had to be assumed."""


def convert_released(
    checkpoint: str | Path,
    out: str | Path,
    *,
    config: str | Path | None = None,
    space: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Conversion:
    """Write a released checkpoint as a model folder of ours.

    `checkpoint` is a model.pt, the step_N folder around it, or a run with checkpoints/step_N (the newest is taken);
    `config` its model_card.yaml, by default the one beside it. The concept space is `sonar_basic` where E = 1024 and
    UNKNOWN_SPACE elsewhere, unless `space` names it. Weights are stored as `dtype`. Raises ModelError for a checkpoint
    that cannot be read, is not complete, or describes a model that ours is not.
    """
    out = Path(out)
    if out.exists() and not (out.is_dir() and ((out / CONFIG).is_file() or not any(out.iterdir()))):
        raise ModelError(f"{out}: is there already and is no model of lcm. Choose another folder.")
    file = _find(Path(checkpoint))
    card = ReleasedCard.read(Path(config) if config is not None else file.parent / CARD)
    family, model, notes = _build(file, card)
    E = model.config.concept_dim
    if space is None:
        space = "sonar_basic" if E == 1024 else UNKNOWN_SPACE
        if E != 1024:
            notes.append(f"E = {E} is not SONAR's: the space is recorded as '{space}'. Name it with --space.")
    facts = {"converted_from": f"{card.name} ({file.parent.name}/{file.name})", "notes": " ".join(notes)}
    save_model(out, model, family=family, space=space, facts={k: v for k, v in facts.items() if v}, dtype=dtype)
    return Conversion(read_info(out), notes)


def _find(checkpoint: Path) -> Path:
    """The file with the weights."""
    if checkpoint.is_file():
        if re.fullmatch(r"rank_\d+\.pt", checkpoint.name):
            raise ModelError(_sharded(checkpoint.parent))
        return checkpoint
    if not checkpoint.is_dir():
        raise ModelError(f"{checkpoint}: no such file or folder. Give a model.pt or the step_N folder around it.")
    steps = [(int(match[1]), folder) for folder in [*checkpoint.glob("checkpoints/step_*"), *checkpoint.glob("step_*")]
             if (match := re.fullmatch(r"step_(\d+)", folder.name))]  # fmt: skip
    folder = max(steps)[1] if steps and not (checkpoint / WEIGHTS).is_file() else checkpoint
    if (folder / WEIGHTS).is_file():
        return folder / WEIGHTS
    if any(folder.glob("rank_*.pt")):
        raise ModelError(_sharded(folder))
    raise ModelError(f"{folder}: has no {WEIGHTS}. Give a {WEIGHTS} or the step_N folder around it.")


def _sharded(folder: Path) -> str:
    return (
        f"{folder}: its weights lie in pieces by rank (rank_N.pt), with no consolidated {WEIGHTS}. "
        f"Give a step that was saved consolidated, or save this one so with the released code."
    )


def _build(file: Path, card: ReleasedCard) -> tuple[str, ConceptModel, list[str]]:
    """Our family, the model with the weights, and notes."""
    tensors = _load(file)
    family = "two_tower" if any(name.startswith("denoiser.") for name in tensors) else "base"
    if card.family is not None and FAMILIES[card.family] != family:
        raise ModelError(
            f"{card.path}: model_family is {card.family}, but {file} holds the tensors of a {family} model."
        )
    card.check_switches(family)
    try:
        config = get_family(family).config(**_fields(family, card, tensors, file))
        with torch.device("meta"):
            model = get_family(family).model(config)
    except LCMError as error:
        raise error if str(error).startswith(str(card.path)) else ModelError(f"{card.path}: {error}") from None

    expected = model.state_dict()
    theirs = {name: _released_name(family, name) for name in expected}
    notes = []
    for name in [name for name in tensors if _NEEDLESS.fullmatch(name)]:
        del tensors[name]
    normalizer = [theirs["normalizer.center"], theirs["normalizer.scale"]]
    if family == "base" and not any(name in tensors for name in normalizer):
        notes.append("The checkpoint has no normalizer: concepts go in as they are.")
        tensors |= dict(zip(normalizer, (torch.zeros(config.concept_dim), torch.ones(config.concept_dim)), strict=True))
    _check_tensors(file, tensors, {theirs[name]: tensor for name, tensor in expected.items()})
    model.load_state_dict({name: tensors[theirs[name]] for name in expected}, assign=True)
    return family, model, notes


def _load(file: Path) -> dict[str, Tensor]:
    """The tensors by released name, mapped from the file."""
    try:
        content = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise ModelError(
            f"{file}: cannot be read as a torch file of tensors alone ({type(error).__name__}). Copy it again."
        ) from None
    key = content.get("model_key", "model") if isinstance(content, dict) else "model"
    tensors = content.get(key) if isinstance(content, dict) else None
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise ModelError(
            f"{file}: has no tensors under {key!r}, so it is no released model. Give the model.pt of a step."
        )
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}


def _released_name(family: str, name: str) -> str:
    """The name that a tensor of ours has in a released checkpoint."""
    ours, theirs = next((pair for pair in _NAMES[family].items() if name.startswith(pair[0])), ("", ""))
    return ".".join(_NAMES_IN_A_LAYER.get(part, part) for part in (theirs + name[len(ours) :]).split("."))


def _fields(family: str, card: ReleasedCard, tensors: Mapping[str, Tensor], file: Path) -> dict[str, Any]:
    """The fields of our config: sizes from the tensors, the rest from the card."""
    first = _released_name(family, "prenet.weight" if family == "base" else "contextualizer.prenet.weight")
    if first not in tensors or tensors[first].ndim != 2:
        raise ModelError(f"{file}: has no matrix '{first}', so it is no released {family} model. Copy it again.")
    D, E = tensors[first].shape
    sizes = {"model_dim": D, "sonar_embed_dim": E}
    fields: dict[str, Any] = {"concept_dim": E, "model_dim": D}
    for stack, field in _STACKS[family].items():
        layer = re.compile(re.escape(stack) + r"\.layers\.(\d+)\.")
        layers = {int(match[1]) for name in tensors if (match := layer.match(name))}
        fields[field] = sizes[f"{stack}.num_layers"] = max(layers, default=-1) + 1
    for name, size in sizes.items():
        if card.get(name, size) != size:
            raise ModelError(
                f"{card.path}: {name} is {card.get(name)}, but {file} has {size}. Give that model's own card."
            )

    stacks = list(_STACKS[family])
    heads = {card.need(f"{stack}.num_attn_heads", int) for stack in stacks}
    if len(heads) > 1:
        raise ModelError(f"{card.path}: num_attn_heads must be the same in {' and '.join(stacks)}, but are {heads}.")
    fields |= {
        "num_heads": heads.pop(),
        "rope_theta": float(card.need(f"{stacks[0]}.rope_theta", int, float)),
        "max_len": 2048
        if card.get("max_seq_len") is None
        else card.need("max_seq_len", int),  # 2048: theirs by default
        "dropout": float(card.get(f"{stacks[-1]}.dropout_p", 0.1)),
    }
    return fields | (noise_fields(card) if family == "two_tower" else {})


def _check_tensors(file: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise ModelError unless names and shapes are those expected."""
    clipping = [name for name in tensors if name.endswith(("sonar_normalizer.clip_min", "sonar_normalizer.clip_max"))]
    if clipping:
        raise ModelError(
            f"{file}: has '{clipping[0]}': its normalizer clips, which ours does not. It cannot be converted."
        )
    for problem, names in (
        ("lacks", [name for name in expected if name not in tensors]),
        ("has what no such model has:", [name for name in tensors if name not in expected]),
    ):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ModelError(f"{file}: {problem} {', '.join(names[:3])}{more}. It cannot be converted.")
    for name, tensor in tensors.items():
        here, there = list(tensor.shape), list(expected[name].shape)
        if here != there:
            why = " (ffn_inner_dim other than 4 · model_dim)" if ".ffn." in name else ""
            raise ModelError(f"{file}: '{name}' is {here}, but must be {there}{why}. It cannot be converted.")

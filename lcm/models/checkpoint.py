"""A model in a folder, complete in itself: `model.safetensors` (weights and normalizer), `config.json` (family,
architecture, concept space, what it was trained on) and `README.md`, the model card.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from lcm.models.card import CardFacts, write_card
from lcm.models.contract import ConceptModel, ModelError
from lcm.models.registry import configure, get_family

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
SHIPPED = Path(__file__).parent / "cards"
HUB = "hf://"
_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True)
class ModelInfo:
    """What a folder says of its model."""

    name: str
    folder: Path
    family: str
    space: str
    """The concept space whose concepts it reads and writes."""
    config: Mapping[str, Any]
    """Fields of the family's config."""
    facts: Mapping[str, Any]
    """Told by who trained it, such as `trained_on`."""

    @property
    def parameters(self) -> int:
        """How many numbers were learnt (the normalizer is not)."""
        with _open_weights(self.folder) as weights:
            return sum(torch.Size(weights.get_slice(name).get_shape()).numel() for name in _learnt(weights))

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights as they are stored; a loaded model is in float32."""
        with _open_weights(self.folder) as weights:
            return _DTYPES.get(weights.get_slice(next(_learnt(weights))).get_dtype(), torch.float32)


@dataclass(frozen=True)
class LoadedModel:
    """A model, ready to be used, and where it comes from."""

    model: ConceptModel
    info: ModelInfo


def save_model(
    folder: str | Path,
    model: ConceptModel,
    *,
    family: str,
    space: str,
    facts: Mapping[str, Any] | None = None,
    card: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a model's folder; one that is there already is replaced at once, when all is written.

    `model` is the bare module with all its weights, not a DDP or FSDP wrapper. Weights are stored as `dtype`, the
    normalizer always in float32. `card` is the README's text (default: one made from the rest). Raises ModelError, with
    nothing changed, for weights that `dtype` cannot hold and for a folder that cannot be written.
    """
    folder = Path(folder)
    config: dict[str, Any] = {
        "family": family,
        "config": asdict(model.config),
        "space": space,
        "facts": dict(facts or {}),
    }
    tensors = {name: _stored(name, tensor, dtype) for name, tensor in model.state_dict().items()}
    if card is None:
        about = CardFacts(
            name=folder.name, family=family, space=space, config=config["config"], facts=config["facts"],
            parameters=sum(tensors[name].numel() for name in _learnt(tensors)), precision=str(dtype).split(".")[-1],
        )  # fmt: skip
        card = write_card(about)
    place = Path(os.path.abspath(folder))
    part, old = (place.with_name(f".{place.name}.{os.getpid()}.{kind}") for kind in ("part", "old"))
    try:
        part.mkdir(parents=True)
        save_file(tensors, part / WEIGHTS)
        (part / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        (part / CARD).write_text(card, encoding="utf-8")
        if place.exists():
            place.rename(old)
        part.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{folder}: cannot be written ({reason}). Make room, or choose another folder.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def load_model_folder(folder: str | Path, *, device: str | torch.device = "cpu") -> LoadedModel:
    """The model of a folder in float32 and evaluation mode. Raises ModelError for anything missing or damaged."""
    info = read_info(folder)
    family = get_family(info.family)
    try:
        config = configure(family, family.config(), info.config)
        with torch.device("meta"):
            model = family.model(config)
    except (ModelError, TypeError, ValueError) as error:
        raise ModelError(f"{info.folder / CONFIG}: {error}") from None
    with _open_weights(info.folder):
        tensors = load_file(info.folder / WEIGHTS, device=str(device))
    expected = model.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        here = list(tensors[name].shape) if name in tensors else "missing"
        there = list(expected[name].shape) if name in expected else "no such tensor"
        if here != there:
            raise ModelError(
                f"{info.folder / WEIGHTS}: '{name}' is {here}, but {CONFIG} asks for {there}. "
                f"Copy both files again from where the model was saved."
            )
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    return LoadedModel(model.eval().requires_grad_(False), info)


def read_info(folder: str | Path) -> ModelInfo:
    """What config.json says; no weights are read."""
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ModelError(f"{folder}: has no {name}, so it is no saved model. Give the folder that holds {name}.")
    try:
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return ModelInfo(
            folder.resolve().name, folder, content["family"], content["space"], content["config"], content["facts"]
        )
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ModelError(
            f"{folder / CONFIG}: cannot be understood ({type(error).__name__}: {error}). Copy it again from its source."
        ) from None


def find_model(name: str | Path) -> Path:
    """The folder of a shipped model, of a saved one, of a training run's newest (RUN/model), or of one from the Hub.

    `hf://owner/name[@revision]` is downloaded into the Hub's cache. Raises ModelError naming the shipped models.
    """
    if str(name).startswith(HUB):
        from lcm.models.sharing import download_model

        return download_model(str(name))
    for folder in (Path(name), Path(name) / "model"):
        if (folder / CONFIG).is_file() or (folder / WEIGHTS).is_file():
            return folder
    if Path(name).is_dir():
        raise ModelError(f"{name}: holds no model ({CONFIG} and {WEIGHTS}), nor does its folder 'model'.")
    if (SHIPPED / str(name) / CONFIG).is_file():
        return SHIPPED / str(name)
    names = ", ".join(info.name for info in shipped_models()) or "none"
    raise ModelError(f"No model '{name}': neither a folder nor one that ships with lcm ({names}). See: lcm models")


def shipped_models() -> Iterator[ModelInfo]:
    """The models inside this package."""
    for config in sorted(SHIPPED.glob(f"*/{CONFIG}")):
        yield read_info(config.parent)


def models_below(folder: str | Path) -> Iterator[Path]:
    """What `find_model` takes for each model in a folder or under it: the run of a RUN/model, else the model's own."""
    for place, folders, _ in os.walk(folder):
        if _is_model(Path(place)):
            folders.clear()
            yield Path(place)
            continue
        if "model" in folders and _is_model(Path(place, "model")):
            folders.remove("model")
            yield Path(place)
        folders[:] = sorted(name for name in folders if name != "checkpoints" and not name.startswith("."))


def _is_model(folder: Path) -> bool:
    return all((folder / name).is_file() for name in (CONFIG, WEIGHTS))


def _open_weights(folder: Path) -> Any:
    try:
        return safe_open(folder / WEIGHTS, framework="pt")
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{folder / WEIGHTS}: is damaged or cut short ({error}). Copy it again, or train from the last checkpoint."
        ) from None


def _learnt(tensors: Any) -> Iterator[str]:
    """Names of what was learnt: all but the normalizer's."""
    return (name for name in tensors.keys() if not name.startswith("normalizer."))  # noqa: SIM118


def _stored(name: str, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    tensor = tensor.detach().cpu()
    stored = tensor.to(torch.float32 if name.startswith("normalizer.") else dtype).contiguous()
    if not stored.isfinite().all():
        remedy = "Store it in float32 (without --half)." if tensor.isfinite().all() else "Take an earlier checkpoint."
        raise ModelError(f"Tensor '{name}' has values that are not finite in {str(dtype).split('.')[-1]}. {remedy}")
    return stored

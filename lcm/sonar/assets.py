"""A concept space on disk: asset cards, fp16 weights and tokenizer, in one folder that fairseq2 reads.

    <name>.yaml         two cards, <name>_encoder and <name>_decoder; paths relative to this file
    <name>_encoder.pt   {"model": state dict} of sonar-space's text encoder, fp16
    <name>_decoder.pt   the same of the decoder
    <name>.model        sentencepiece vocabulary, unk/bos/eos = 0/1/2 and no pad (NLLB's format)
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from ruamel.yaml import YAML
from sonar.models.sonar_text import (
    SONAR_TEXT_DECODER_FAMILY,
    SONAR_TEXT_ENCODER_FAMILY,
    SonarTextDecoderConfig,
    SonarTextEncoderConfig,
)
from torch import Tensor, nn

from lcm.sonar.errors import ConceptSpaceError


def save_space(
    folder: str | Path,
    name: str,
    *,
    encoder: nn.Module,
    decoder: nn.Module,
    encoder_config: SonarTextEncoderConfig,
    decoder_config: SonarTextDecoderConfig,
    tokenizer: str | Path,
    languages: Sequence[str],
) -> None:
    """Write sonar-space's encoder and decoder as a space that `open_space(folder)` opens.

    `tokenizer` is the sentencepiece file; `languages` are SONAR codes in the order that they were trained in (token ids
    follow it), the first the default. Each file appears whole or not at all, the cards last. Raises ConceptSpaceError if
    a weight is not finite in fp16.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for part, model in (("encoder", encoder), ("decoder", decoder)):
        state = _fp16_state(model, f"{name}_{part}")
        _replace(folder / f"{name}_{part}.pt", lambda path, state=state: torch.save({"model": state}, path))  # type: ignore[misc]
    if Path(tokenizer).resolve() != (folder / f"{name}.model").resolve():
        _replace(folder / f"{name}.model", lambda path: shutil.copyfile(tokenizer, path))
    shared = {
        "tokenizer": f"{name}.model",
        "tokenizer_family": "nllb",
        "tokenizer_config": {"_set_": {"default_lang": languages[0], "langs": list(languages)}},
    }
    cards = [
        # Every field is set, so the architecture is only a place to start from; the encoder has none that is smaller.
        _card(f"{name}_encoder", SONAR_TEXT_ENCODER_FAMILY, "basic", encoder_config) | shared,
        _card(f"{name}_decoder", SONAR_TEXT_DECODER_FAMILY, "toy", decoder_config) | shared,
    ]
    yaml = YAML(typ="safe", pure=True)
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    _replace(folder / f"{name}.yaml", lambda path: yaml.dump_all(cards, path))


def _card(name: str, family: str, arch: str, config: SonarTextEncoderConfig | SonarTextDecoderConfig) -> dict[str, object]:
    fields = dataclasses.asdict(config)
    if "_from_fairseq" in fields:
        fields["_from_fairseq"] = False  # it would raise max_seq_len once more at each construction
    return {
        "name": name,
        "model_family": family,
        "model_arch": arch,
        "model_config": {"_set_": fields},  # fairseq2 takes `_set_` at the top only
        "checkpoint": f"{name}.pt",
    }


def _fp16_state(model: nn.Module, name: str) -> dict[str, Tensor]:
    """The state dict on the CPU in fp16; tensors that are one (the tied output projection) stay one in the file."""
    halves: dict[int, Tensor] = {}
    state: dict[str, Tensor] = {}
    for key, tensor in model.state_dict().items():
        half = halves.setdefault(tensor.data_ptr(), tensor.detach().to("cpu", torch.float16, copy=True))
        if not half.isfinite().all():
            raise ConceptSpaceError(
                f"{name}: weight '{key}' is not finite in fp16 (largest: {tensor.abs().max():.3g}, fp16 holds 65504). "
                f"Lower the learning rate and go on from an earlier checkpoint."
            )
        state[key] = half
    return state


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then give it the name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)

"""Sentences to concepts: each distinct sentence once, in batches of like length. Letters: N sentences, E concept size."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import torch
from fairseq2.data.tokenizers import Tokenizer
from fairseq2.nn import Projection
from fairseq2.nn.utils.padding import pad_seqs
from sonar.models.sonar_text import SonarTextTransformerEncoderModel
from torch import Tensor, nn

from lcm.sonar.errors import ConceptSpaceError


def tokenize(sentences: Sequence[str], tokenizer: Tokenizer, language: str) -> list[Tensor]:
    """The source token ids `__lang__ … </s>` of each sentence. Raises ConceptSpaceError naming one that is empty or not Unicode text."""
    encode = tokenizer.create_encoder(lang=language, mode="source")
    ids = []
    for index, sentence in enumerate(sentences):
        if not sentence.strip():
            raise ConceptSpaceError(f"Sentence {index} is empty, but only text has a concept. Remove it.")
        try:
            sentence.encode()
        except UnicodeEncodeError as error:
            raise ConceptSpaceError(
                f"Sentence {index} has a lone surrogate (U+{ord(sentence[error.start]):04X}) at offset {error.start}, "
                f"which is not Unicode text. Decode the file as UTF-8."
            ) from None
        ids.append(encode(sentence))
    return ids


class _PackedLinear(nn.Module):
    """xWᵀ + b, the weight laid out once as oneDNN wants it: a tenth faster than a layout at every call."""

    def __init__(self, linear: Projection) -> None:
        super().__init__()
        self.register_buffer("bias", linear.bias, persistent=False)
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return y


def pack(model: SonarTextTransformerEncoderModel) -> None:
    """Make a frozen encoder on the CPU faster, in place; its weights can be neither trained nor saved afterwards."""
    for module in list(model.encoder.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Projection):
                setattr(module, name, _PackedLinear(child))


@torch.inference_mode()
def encode(
    sentences: Sequence[str],
    model: SonarTextTransformerEncoderModel,
    tokenizer: Tokenizer,
    language: str,
    batch_tokens: int,
) -> Tensor:
    """Concepts [N, E] in the model's device and type, in the order of the sentences."""
    distinct = {sentence: row for row, sentence in enumerate(dict.fromkeys(sentences))}
    ids = tokenize(list(distinct), tokenizer, language)
    positions = model.encoder_frontend.pos_encoder
    longest: int = positions.max_seq_len  # type: ignore[assignment]
    too_long = sum(len(tokens) > longest for tokens in ids)
    if too_long:
        warnings.warn(
            f"{too_long} of {len(ids)} sentences have more than {longest} tokens and are cut there. Segment them shorter.",
            stacklevel=3,
        )
        ids = [tokens[:longest] for tokens in ids]
    weight = next(model.parameters())
    pad = tokenizer.vocab_info.pad_idx or 0
    parts, order = [], []
    for rows in _batches([len(tokens) for tokens in ids], batch_tokens):
        batch, layout = pad_seqs([ids[row].to(weight.device) for row in rows], pad_value=pad)
        parts.append(model(batch, layout).sentence_embeddings)
        order += rows
    concepts = torch.empty_like(encoded := torch.cat(parts))
    concepts[order] = encoded
    if len(distinct) < len(sentences):
        concepts = concepts[[distinct[sentence] for sentence in sentences]]
    return concepts


def _batches(lengths: list[int], budget: int) -> Iterator[list[int]]:
    """Rows by length, shortest first, cut where rows × longest would pass `budget` tokens (never under one row)."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[row] > budget:
            yield batch
            batch = []
        batch.append(row)
    yield batch

"""The SONAR auto-encoder in training: sonar-space's own modules, run by a forward pass made for short sentences.

Encoder and decoder come from sonar-space's factories and are saved as they are; `forward` computes what their own
`forward` computes (a test holds the two equal), with less work: plain matmul–softmax–matmul attention, whose backward is
faster on CPU than SDPA's for sentences of some twenty tokens; cross-attention to the one concept as the constant that it is
(the softmax over one key is 1); no logits at padded positions. Letters: N sentences, S source and T target tokens, E concept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from fairseq2.data.tokenizers import VocabularyInfo
from fairseq2.device import SupportsDeviceTransfer
from fairseq2.models.transformer import StandardMultiheadAttention
from fairseq2.nn import BatchLayout
from sonar.models.sonar_text import SonarTextDecoderConfig, SonarTextEncoderConfig
from sonar.models.sonar_text.factory import SonarTextDecoderFactory, SonarTextEncoderFactory
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class SonarModelConfig:
    """The shape of a SONAR text encoder and decoder; SONAR itself has 1024, 24, 24, 16, 8192, 512."""

    dim: int = 320
    """E, and the width of both transformers."""
    encoder_layers: int = 3
    decoder_layers: int = 3
    heads: int = 5
    ffn_dim: int = 1280
    """Inner size of the feed-forward networks."""
    max_tokens: int = 128
    """Longest sentence in tokens, language and end marks included."""
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.dim % self.heads:
            raise ValueError(f"dim must be a multiple of heads, but {self.dim} is none of {self.heads}.")


@dataclass
class TranslationBatch(SupportsDeviceTransfer):
    """Sentences and what the decoder should say: the same sentence, or its translation."""

    source: Tensor
    """[N, S] token ids `__lang__ … </s>`, padded."""
    source_lengths: Tensor
    """[N]"""
    target: Tensor
    """[N, T + 1] token ids `</s> __lang__ … </s>`, padded."""
    target_lengths: Tensor
    """[N] counts the T + 1 tokens"""

    def to(self, device: torch.device, *, non_blocking: bool = False) -> None:
        """Move in place, as fairseq2's Trainer expects."""
        for name in ("source", "source_lengths", "target", "target_lengths"):
            setattr(self, name, getattr(self, name).to(device, non_blocking=non_blocking))


def encoder_config(config: SonarModelConfig, vocab: VocabularyInfo) -> SonarTextEncoderConfig:
    """The sonar-space configuration of the encoder."""
    return SonarTextEncoderConfig(
        model_dim=config.dim, max_seq_len=config.max_tokens, vocab_info=vocab,
        num_encoder_layers=config.encoder_layers, num_decoder_layers=config.decoder_layers,
        num_encoder_attn_heads=config.heads, num_decoder_attn_heads=config.heads, ffn_inner_dim=config.ffn_dim,
        pooling="mean", emb_dropout_p=config.dropout, attention_dropout_p=config.dropout,
        activation_dropout_p=config.dropout,
    )  # fmt: skip


def decoder_config(config: SonarModelConfig, vocab: VocabularyInfo) -> SonarTextDecoderConfig:
    """The sonar-space configuration of the decoder."""
    return SonarTextDecoderConfig(
        model_dim=config.dim, max_seq_len=config.max_tokens, vocab_info=vocab, activation_fn="ReLU",
        no_scale_embedding=False, no_token_positional_embeddings=False, learned_pos=False, normalize_before=True,
        num_encoder_layers=config.encoder_layers, num_decoder_layers=config.decoder_layers,
        num_encoder_attn_heads=config.heads, num_decoder_attn_heads=config.heads, ffn_inner_dim=config.ffn_dim,
        input_dim=config.dim, emb_dropout_p=config.dropout, attention_dropout_p=config.dropout,
        activation_dropout_p=config.dropout,
    )  # fmt: skip


class SonarAutoencoder(nn.Module):
    """sonar-space's text encoder and decoder around one concept (SONAR, arXiv 2308.11466)."""

    noise: float = 0.0
    """Standard deviations of Gaussian noise on the concept: each sentence draws from U(0, noise) in training."""

    def __init__(self, config: SonarModelConfig, vocab: VocabularyInfo) -> None:
        super().__init__()
        self.encoder = SonarTextEncoderFactory(encoder_config(config, vocab)).create_model()
        self.decoder = SonarTextDecoderFactory(decoder_config(config, vocab)).create_model()
        self.dim = config.dim
        self.dropout = config.dropout

    def forward(self, batch: TranslationBatch, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Sum of the cross-entropies of the target's tokens, and their number; the language token is given, not scored."""
        z = self.encode(batch.source, batch.source_lengths)
        if rng is not None and self.noise > 0:
            z = self._with_noise(z, rng)
        target = batch.target
        scored = torch.arange(1, target.shape[1], device=target.device)[None] < batch.target_lengths[:, None]
        scored[:, 0] = False
        logits = self.decode(z, target[:, :-1])[scored]
        loss = F.cross_entropy(logits.float(), target[:, 1:][scored], reduction="sum")
        return loss, scored.sum()

    def encode(self, source: Tensor, lengths: Tensor) -> Tensor:
        """source [N, S], lengths [N] → concepts [N, E]"""
        real = torch.arange(source.shape[1], device=source.device)[None] < lengths[:, None]  # [N, S]
        bias = torch.where(real, 0.0, -torch.inf)[:, None, None]
        x, _ = self.encoder.encoder_frontend(source, BatchLayout.of(source))
        for layer in self.encoder.encoder.layers:
            x = x + self._drop(_attend(layer.self_attn, layer.self_attn_layer_norm(x), bias))
            x = x + self._drop(layer.ffn(layer.ffn_layer_norm(x)))
        assert self.encoder.layer_norm is not None  # the factory always makes one
        x = self.encoder.layer_norm(x)
        return (x * real[..., None]).sum(1) / lengths[:, None]

    def decode(self, z: Tensor, inputs: Tensor) -> Tensor:
        """Concepts z [N, E] and the target's tokens so far [N, T] → logits of the next ones [N, T, V]"""
        T = inputs.shape[1]
        bias = torch.full((T, T), -torch.inf, device=z.device).triu(1)
        x, _ = self.decoder.decoder_frontend(inputs, BatchLayout.of(inputs))
        for layer in self.decoder.decoder.layers:
            x = x + self._drop(_attend(layer.self_attn, layer.self_attn_layer_norm(x), bias))
            concept = layer.encoder_decoder_attn  # one key: the softmax is 1, the output the same at every position
            x = x + self._drop(concept.output_proj(concept.v_proj(z)))[:, None]
            x = x + self._drop(layer.ffn(layer.ffn_layer_norm(x)))
        logits: Tensor = self.decoder.final_proj(self.decoder.decoder.layer_norm(x))
        return logits

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training) if self.dropout else x

    def _with_noise(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """The concept plus U(0, noise) of the batch's standard deviations."""
        level = self.noise * torch.rand(len(z), 1, generator=rng)
        draw = torch.randn(z.shape, generator=rng)
        return z + (level * draw).to(z.device) * z.detach().float().std(0, correction=0)


def _attend(attention: StandardMultiheadAttention, x: Tensor, bias: Tensor) -> Tensor:
    """Self-attention of x [N, S, E] with an additive bias, in one thread-friendly form."""
    q, k, v = (
        projection(x).unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
    )  # each [N, H, S, K]
    weights = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + bias).softmax(-1)
    return attention.output_proj((weights.to(v.dtype) @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

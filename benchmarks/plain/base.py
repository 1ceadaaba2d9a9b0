"""The Base-LCM in its plain form: every new concept takes a pass over the whole document, without a cache.

In training it differs in nothing that counts: the same products, and a mask where ours says causal.

Letters: B documents, S sentences, E concept size.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from benchmarks.plain.parts import PlainTransformer, training_flops, transformer_flops
from lcm.models import BaseLCM, LossTerms, Sampler
from lcm.models.contract import Batch


class PlainBase(nn.Module):
    """A copy of `model` with its calls: the loss, and one new concept after a prompt."""

    def __init__(self, model: BaseLCM) -> None:
        super().__init__()
        self.config = model.config
        self.normalizer = deepcopy(model.normalizer)
        self.prenet, self.postnet = deepcopy(model.prenet), deepcopy(model.postnet)
        self.transformer = PlainTransformer(model.transformer, model.config.dropout)
        self.train(model.training)

    def forward(self, batch: Batch, rng: torch.Generator) -> LossTerms:
        """As of a ConceptModel, for padded batches."""
        z = self.normalizer(batch.concepts)
        error = (self._predict(z[:, :-1]) - z[:, 1:]).square().sum(-1)
        targets = torch.arange(1, z.shape[1], device=z.device) < batch.lengths[:, None]
        return LossTerms(error.masked_fill(~targets, 0).sum(), int((batch.lengths - 1).sum()))

    def prefill(self, prompts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Nothing is done before it is asked for."""
        return prompts, lengths

    @torch.no_grad()
    def step(self, state: tuple[Tensor, Tensor], sampler: Sampler, rngs: Sequence[torch.Generator]) -> Tensor:
        """The raw concept [B, E] that follows."""
        prompts, lengths = state
        predictions = self._predict(self.normalizer(prompts))
        last = predictions[torch.arange(len(lengths), device=lengths.device), lengths - 1]
        return self.normalizer.denormalize(last)

    def _predict(self, z: Tensor) -> Tensor:
        out: Tensor = self.postnet(self.transformer(self.prenet(z)))
        return out

    def training_flops(self, B: int, S: int) -> int:
        """What the formulas say of forward and backward, for B documents of S sentences."""
        return training_flops(*self._flops(B, S - 1))

    def step_flops(self, B: int, M: int, steps: int) -> int:
        """What the formulas say of one new concept, for B documents of M sentences; nothing is iterated."""
        return sum(self._flops(B, M))

    def _flops(self, B: int, S: int) -> tuple[int, int]:
        c, blocks = self.config, self.transformer.theirs.blocks
        inner = blocks[0].ffn.gate_proj.get_parameter("weight").shape[0]
        products, attention = transformer_flops(B, S, c.model_dim, inner, c.num_layers)
        return products + 2 * B * S * 2 * c.concept_dim * c.model_dim, attention

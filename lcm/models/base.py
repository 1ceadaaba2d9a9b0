"""Base-LCM: regression of the next concept (paper §2.3.1).

    raw concepts → normalize → PreNet E→D → causal transformer → PostNet D→E → denormalize → next raw concepts

Row n predicts concept n + 1. A mean-squared loss has no way to choose among possible next sentences: it writes their
average. Letters: B documents, S sentences, E concept size, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lcm.diffusion import Sampler
from lcm.models.contract import (
    Batch,
    ConceptModel,
    LossTerms,
    ModelConfig,
    ModelError,
    Rng,
    check_lengths,
    layout_of,
    targets_of,
)
from lcm.models.registry import Family, register
from lcm.nn import CausalTransformer, Layout, Normalizer, Padded, PostNet, PreNet, TransformerState


@dataclass(frozen=True, kw_only=True)
class BaseConfig(ModelConfig):
    """What a Base-LCM is built from. Defaults are the `tiny` architecture on SONAR."""

    num_layers: int = 6
    """Transformer blocks (paper: 32)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least_1("num_layers")


ARCHITECTURES = {
    "tiny": BaseConfig(),
    "small": BaseConfig(model_dim=512, num_heads=8, num_layers=12),
    "medium": BaseConfig(model_dim=1024, num_heads=16, num_layers=20),
    "1_6b": BaseConfig(model_dim=2048, num_heads=16, num_layers=32, max_len=4096),
}


@dataclass
class BaseState:
    """Documents being written: what the transformer remembers, and where they stand."""

    context: TransformerState
    hidden: Tensor
    """[B, D]: the transformer's output at the last concept that it has read."""

    unread: Tensor | None = None
    """[B, E] raw: the newest concept, which the next step reads first (the last one is never read)."""

    def select(self, rows: Tensor) -> BaseState:
        """The documents `rows` (int64) alone."""
        unread = None if self.unread is None else self.unread[rows]
        return BaseState(self.context.select(rows), self.hidden[rows], unread)


class BaseLCM(ConceptModel):
    """The regression model."""

    config: BaseConfig

    def __init__(self, config: BaseConfig) -> None:
        super().__init__()
        self.config = config
        E, D = config.concept_dim, config.model_dim
        self.normalizer = Normalizer(E)
        self.prenet = PreNet(E, D)
        self.transformer = CausalTransformer(D, config.num_heads, config.num_layers, config.dropout, config.rope_theta)
        self.postnet = PostNet(D, E)

    def forward(self, batch: Batch, rng: Rng | None = None) -> LossTerms:
        """Σ ‖prediction − next concept‖² in normalized space, over every sentence but a document's first.

        Nothing is drawn from `rng`: regression has no noise.
        """
        layout = layout_of(batch, self.config)
        targets = targets_of(batch, layout) & (layout.positions > 0)
        error = self._squared_error(batch.concepts, layout).masked_fill(~targets, 0)
        return LossTerms(error.sum(), int(targets.sum()))

    def loss(self, concepts: Tensor, lengths: Tensor) -> LossTerms:
        """The training loss of raw concepts [B, S, E], padded at the right."""
        return LossTerms(self.squared_error(concepts, lengths).sum(), int((lengths - 1).sum()))

    def squared_error(self, concepts: Tensor, lengths: Tensor) -> Tensor:
        """Raw concepts [B, S, E] → normalized ‖prediction n − concept n + 1‖² [B, S − 1], 0 where no target is."""
        check_lengths(concepts, lengths, self.config.concept_dim, self.config.max_len)
        layout = Padded(lengths, concepts.shape[1])
        return self._squared_error(concepts, layout).masked_fill(~layout.real, 0)[:, 1:]

    def _squared_error(self, concepts: Tensor, layout: Layout) -> Tensor:
        """[B, S], at the slot of the target; of no meaning at slot 0 and at padding."""
        z = self.normalizer(concepts)
        return (layout.shift(self._predict(layout.before(z), layout)) - z).square().sum(-1)

    def predict(self, concepts: Tensor, lengths: Tensor) -> Tensor:
        """Raw concepts [B, S, E] → raw predictions [B, S, E], row n of concept n + 1; 0 at padding."""
        check_lengths(concepts, lengths, self.config.concept_dim, self.config.max_len)
        layout = Padded(lengths, concepts.shape[1])
        prediction = self.normalizer.denormalize(self._predict(self.normalizer(concepts), layout))
        return prediction.masked_fill(~layout.real.unsqueeze(-1), 0)

    @torch.no_grad()
    def prefill(self, prompts: Tensor, lengths: Tensor) -> BaseState:
        """Raw prompts [B, S, E], at least one concept each → the state after the last concept of each."""
        check_lengths(prompts, lengths, self.config.concept_dim, self.config.max_len)
        hidden, context = self.transformer.prefill(self.prenet(self.normalizer(prompts)), lengths)
        rows = torch.arange(len(lengths), device=hidden.device)
        return BaseState(context, hidden[rows, lengths - 1])

    @torch.no_grad()
    def step(
        self, state: BaseState, sampler: Sampler | None = None, rngs: Sequence[torch.Generator] | None = None
    ) -> Tensor:
        """The next raw concept of each document [B, E]; the model is deterministic: nothing is sampled."""
        if state.unread is not None:
            if state.context.longest == self.config.max_len:
                raise ModelError(f"A document has reached max_len = {self.config.max_len} sentences. Ask for fewer.")
            state.hidden = self.transformer.step(self.prenet(self.normalizer(state.unread)), state.context)
        state.unread = self.normalizer.denormalize(self.postnet(state.hidden))
        return state.unread

    @property
    def stacks(self) -> Sequence[nn.ModuleList]:
        """The transformer's layers."""
        return [self.transformer.layers]

    def _predict(self, z: Tensor, layout: Layout) -> Tensor:
        """Normalized concepts [B, S, E] → normalized predictions [B, S, E]."""
        prediction: Tensor = self.postnet(
            self.transformer(self.prenet(z), layout.positions[: z.shape[1]], layout.causal)
        )
        return prediction


register(Family(name="base", config=BaseConfig, model=BaseLCM, architectures=ARCHITECTURES))

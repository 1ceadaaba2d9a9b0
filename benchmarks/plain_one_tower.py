"""The One-Tower LCM in its plain form: the formulas written down, nothing spared. Oracle and yardstick.

Slots lie as noisy₀ clean₀ noisy₁ clean₁ …, a dense mask tells which sees which; every slot's timestep is embedded for itself;
every diffusion step runs the whole prompt through the transformer again, for both halves of guidance. Letters: B documents,
S sentences, E concept size, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from lcm.models import OneTowerLCM
from lcm.nn import rope, rotate, sinusoid


class PlainOneTower(nn.Module):
    """Shares the parameters of `model`, and nothing of how it computes."""

    def __init__(self, model: OneTowerLCM) -> None:
        super().__init__()
        self.model = model

    def forward(self, noisy: Tensor, t: Tensor, z: Tensor, dropped: Tensor | None = None) -> Tensor:
        """noisy and clean normalized concepts [B, S, E], t [B, S], dropped bool [B, S] → the output [B, S, E]."""
        B, S, _ = z.shape
        x = torch.stack((self._embed(noisy, self._embed_time(t)), self._embed(z, self.model.clean)), 2).flatten(1, 2)
        slots = torch.arange(2 * S, device=z.device)
        sentence, clean = slots // 2, slots % 2 == 1
        earlier = clean & ((sentence[:, None] > sentence) | (clean[:, None] & (sentence[:, None] == sentence)))
        seen = (earlier | (slots[:, None] == slots)).expand(B, -1, -1).clone()
        if dropped is not None:
            for row, n in dropped.nonzero().tolist():
                seen[row, 2 * n] = slots == 2 * n
        return self._transform(x, sentence, seen)[:, ::2]

    def next(self, x_t: Tensor, t: int, z: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """One evaluation with guidance: x_t [B, E] after the prompts z [B, S, E] → the output [B, E] with them, and without."""
        B, S, _ = z.shape
        clean = self._embed(z, self.model.clean)
        noisy = self._embed(x_t, self._embed_time(torch.full((B,), t, device=z.device)))
        x = torch.cat((clean, noisy[:, None]), 1)
        slots = torch.arange(S + 1, device=z.device)
        own = slots == S
        causal = (slots[:, None] >= slots) & ~own | (slots[:, None] == slots)
        with_prompt = causal & (own | (slots < lengths[:, None, None]))
        alone = (causal & ~own[:, None] | (slots[:, None] == slots)).expand(B, -1, -1)
        outputs = []
        for row in range(B):  # a noisy slot stands at its own document's next position
            positions = torch.cat((slots[:S], lengths[row : row + 1]))
            seen = torch.stack((with_prompt[row], alone[row]))
            outputs.append(self._transform(x[row].expand(2, -1, -1), positions, seen)[:, -1])
        conditional, unconditional = torch.stack(outputs, 1)
        return conditional, unconditional

    def _embed_time(self, t: Tensor) -> Tensor:
        time = self.model.time_embedding
        embedded: Tensor = time.fc2(silu(time.fc1(sinusoid(t).to(time.fc1.weight.dtype))))
        return embedded

    def _embed(self, z: Tensor, e: Tensor) -> Tensor:
        layer = self.model.prenet
        joined = torch.cat((z.to(layer.weight.dtype), e.expand(*z.shape[:-1], -1)), -1)
        return joined @ layer.weight.mT + layer.bias

    def _transform(self, x: Tensor, positions: Tensor, seen: Tensor) -> Tensor:
        """x [B, S, D] at positions [S], seen bool [B, S, S] → [B, S, E]."""
        transformer = self.model.transformer
        turns = rope(positions, transformer.head_dim, transformer.rope_theta, x.dtype)
        for block in transformer.blocks:
            attention, ffn = block.self_attn, block.ffn
            h = _norm(x, block.self_attn_norm)
            q, k, v = (
                proj(h).unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)
                for proj in (attention.q_proj, attention.k_proj, attention.v_proj)
            )
            scores = rotate(q, turns) @ rotate(k, turns).mT * q.shape[-1] ** -0.5
            weights = scores.masked_fill(~seen[:, None], -torch.inf).softmax(-1)
            x = x + attention.output_proj((weights @ v).transpose(1, 2).flatten(2))
            h = _norm(x, block.ffn_norm)
            x = x + ffn.output_proj(silu(ffn.gate_proj(h)) * ffn.inner_proj(h))
        y = _norm(x, transformer.norm)
        postnet = self.model.postnet
        return y @ postnet.weight.mT + postnet.bias


def _norm(x: Tensor, norm: nn.Module) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * norm.get_parameter("weight")

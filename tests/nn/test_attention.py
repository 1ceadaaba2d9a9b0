"""Attention and rotary positions against fairseq2's own, and the plain formula."""

from __future__ import annotations

import math

import pytest
import torch
from fairseq2.nn import BatchLayout, RMSNorm, RotaryEncoder

from lcm.nn import CausalTransformer, Padded, SelfAttention, rope, rotate


def test_rotary_positions_are_those_of_fairseq2():
    x = torch.randn(2, 50, 4, 16, generator=torch.Generator().manual_seed(0))  # [B, S, H, K]
    theirs = torch.stack([RotaryEncoder(16, 64)(x[:, :, h], BatchLayout.of(x[:, :, h])) for h in range(4)], 1)
    ours = rotate(x.transpose(1, 2), rope(torch.arange(50), 16, 10_000.0, x.dtype))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_attention_is_the_textbook_formula_in_float64():
    torch.manual_seed(0)
    attention = SelfAttention(12, 2).double()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter)  # biases too
    x = torch.randn(3, 5, 12, dtype=torch.float64)
    turns = rope(torch.arange(5), 6, 10_000.0, x.dtype)
    heads = []
    for h in range(2):
        own = slice(6 * h, 6 * h + 6)
        q, k, v = (p(x)[..., own] for p in (attention.q_proj, attention.k_proj, attention.v_proj))
        q, k = (rotate(y.unsqueeze(1), turns).squeeze(1) for y in (q, k))
        scores = q @ k.mT / math.sqrt(6) + torch.full((5, 5), -torch.inf).triu(1)
        heads.append(scores.softmax(-1) @ v)
    expected = attention.output_proj(torch.cat(heads, -1))
    torch.testing.assert_close(
        attention(x, turns, Padded(torch.tensor([5, 5, 5]), 5).causal), expected, atol=1e-10, rtol=1e-10
    )


def test_only_the_distance_between_positions_matters():
    q, k = torch.randn(2, 1, 1, 3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    here, there = (rope(torch.arange(3) + shift, 8, 10_000.0, q.dtype) for shift in (0, 1000))
    torch.testing.assert_close(rotate(q, here) @ rotate(k, here).mT, rotate(q, there) @ rotate(k, there).mT)


def test_the_norm_computes_in_float32_whatever_it_is_given():
    norm = RMSNorm(64, bias=False)
    x = 300 * torch.randn(5, 64, generator=torch.Generator().manual_seed(2))  # its squares overflow in float16
    exact = x.half().float()
    expected = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + 1e-5)
    torch.testing.assert_close(norm.half()(x.half()).float(), expected, atol=4e-3, rtol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ragged_steps_equal_the_full_pass(dtype):
    torch.manual_seed(0)
    transformer = CausalTransformer(16, 2, 2, dropout=0.0).to(dtype)
    x, lengths = torch.randn(3, 12, 16, dtype=dtype), torch.tensor([1, 7, 4])
    full = transformer(x, torch.arange(12), Padded(torch.tensor([12, 12, 12]), 12).causal)
    rows, state = transformer.prefill(x[:, :7], lengths)
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(rows[row, :length], full[row, :length])
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    for step in range(5):
        new = transformer.step(x[torch.arange(3), lengths + step], state)
        torch.testing.assert_close(new, full[torch.arange(3), lengths + step], atol=tolerance, rtol=tolerance)
    assert state.lengths.tolist() == [6, 12, 9]

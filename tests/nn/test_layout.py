"""Padded and packed batches compute the same, forwards and backwards."""

import pytest
import torch

from lcm.data import ConceptBatch
from lcm.diffusion import DiffusionError
from lcm.models import ModelError, create_model
from lcm.nn import Interleaved, Packed, Padded

LENGTHS = torch.tensor([5, 1, 7, 2])
REAL = torch.arange(7) < LENGTHS[:, None]


def packed(x: torch.Tensor) -> torch.Tensor:
    """[B, S, …] → [1, N, …], with three slots of padding at the end."""
    return torch.nn.functional.pad(x[REAL][None], (0, 0) * (x.ndim - 2) + (0, 3))


def heads(seed: int, slots: int = 7) -> torch.Tensor:
    return torch.randn(4, slots, 2, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_positions_and_padding_are_told():
    layout = Packed(LENGTHS, 18)
    assert layout.positions.tolist()[:15] == [0, 1, 2, 3, 4, 0, 0, 1, 2, 3, 4, 5, 6, 0, 1]
    assert layout.real.tolist() == [[True] * 15 + [False] * 3]
    assert Padded(LENGTHS, 7).real.equal(REAL)


def test_a_shift_never_crosses_documents():
    x = torch.randn(4, 7, 3)
    layout, flat = Padded(LENGTHS, 7), Packed(LENGTHS, 18)
    shifted = layout.shift(layout.before(x))
    torch.testing.assert_close(shifted[:, 1:], x[:, :-1])
    assert not shifted[:, 0].any()
    torch.testing.assert_close(flat.shift(flat.before(packed(x)))[:, :15], packed(shifted)[:, :15])


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("kind", ["causal", "interleaved"])
def test_attention_is_the_same_padded_packed_and_by_a_dense_mask(kind, drop):
    halves = 1 if kind == "causal" else 2
    q, k, v = (torch.cat([heads(10 * n + i) for i in range(halves)], 1) for n in range(3))
    dropped = torch.rand(4, 7, generator=torch.Generator().manual_seed(5)) < 0.4 if drop and halves == 2 else None

    def run(layout, pack, drops):
        """The halves of what attention gives, as a layout takes them: the second without what no slot comes after."""
        attend = layout.causal if halves == 1 else Interleaved(layout, drops)
        rows = ([pack(half) for half in x.chunk(halves, 1)] for x in (q, k, v))
        parts = (torch.cat([first, *map(layout.before, rest)], 1).transpose(1, 2) for first, *rest in rows)
        y = attend(*parts).transpose(1, 2)
        return y.split([pack(q[:, :7]).shape[1]] + [layout.before(pack(q[:, :7])).shape[1]] * (halves - 1), 1)

    ours = run(Padded(LENGTHS, 7), lambda x: x, dropped)
    flat = run(Packed(LENGTHS, 18), packed, None if dropped is None else packed(dropped[..., None])[..., 0])
    n = torch.arange(7)
    earlier, own = n[:, None] > n, n[:, None] == n
    seen = earlier | own
    if halves == 2:
        seen = torch.cat((torch.cat((own, earlier), 1), torch.cat((own & False, earlier | own), 1)))
    seen = seen.expand(4, -1, -1).clone()
    if dropped is not None:
        seen[:, :7, 7:] &= ~dropped[..., None]
    scores = torch.einsum("bqhk,bshk->bhqs", q, k) / 6**0.5
    weights = scores.masked_fill(~seen[:, None], -torch.inf).softmax(-1)
    expected = torch.einsum("bhqs,bshk->bqhk", weights, v).chunk(halves, 1)
    for ours_half, flat_half, expected_half in zip(ours, flat, expected, strict=True):
        slots = ours_half.shape[1]
        torch.testing.assert_close(
            ours_half[REAL[:, :slots]], expected_half[:, :slots][REAL[:, :slots]], atol=1e-12, rtol=1e-12
        )
        torch.testing.assert_close(flat_half[0, :15], expected_half[REAL], atol=1e-12, rtol=1e-12)


def _rngs() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(number) for number in range(4)]


@pytest.mark.parametrize("first_targets", [None, [2, 0, 1, 3]])
@pytest.mark.parametrize("family", ["base", "one_tower", "two_tower"])
def test_a_packed_batch_has_the_loss_and_gradients_of_the_padded_one(family, first_targets):
    torch.manual_seed(0)
    model = create_model(family, "tiny", concept_dim=8, model_dim=32, num_heads=2, dropout=0.0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    batch = ConceptBatch(torch.randn(4, 7, 8) * REAL[..., None], LENGTHS, torch.arange(4), torch.zeros(4).long())
    batch.first_targets = None if first_targets is None else torch.tensor(first_targets)
    first = (0 if family != "base" else 1) + torch.zeros(4).long()
    expected = LENGTHS - (first if first_targets is None else first.maximum(batch.first_targets))
    gradients = []
    for form in (batch, batch.pack(), batch.pack(20)):
        model.zero_grad()
        terms = model(form, _rngs())
        assert terms.num_targets == int(expected.clamp(min=0).sum())
        terms.total.backward()
        gradients.append((terms.total.detach(), {name: p.grad for name, p in model.named_parameters()}))
    padded_loss, padded_grads = gradients[0]
    for packed_loss, packed_grads in gradients[1:]:
        torch.testing.assert_close(packed_loss, padded_loss, atol=0, rtol=1e-5)
        for name, expected in padded_grads.items():
            scale = 1 + expected.abs().max().item()
            torch.testing.assert_close(packed_grads[name], expected, atol=1e-5 * scale, rtol=0, msg=name)


@pytest.mark.parametrize("family", ["one_tower", "two_tower"])
def test_what_a_document_draws_depends_on_its_own_generator_alone(family):
    model = create_model(family, "tiny", concept_dim=8, model_dim=32, num_heads=2)
    batch = ConceptBatch(torch.randn(4, 7, 8), LENGTHS, torch.arange(4), torch.zeros(4).long())
    together = model.diffusion.draw(batch, _rngs())
    for row, length in enumerate(LENGTHS.tolist()):
        own = ConceptBatch(batch.concepts[[row], :length], LENGTHS[[row]], torch.tensor([row]), torch.zeros(1).long())
        for all_drawn, drawn in zip(together, model.diffusion.draw(own, [_rngs()[row]]), strict=True):
            assert torch.equal(all_drawn[row, :length], drawn[0])


def test_a_packed_batch_that_does_not_fit_is_refused():
    model = create_model("two_tower", "tiny", concept_dim=8, max_len=6)
    batch = ConceptBatch(torch.randn(4, 7, 8), LENGTHS, torch.arange(4), torch.zeros(4).long())
    with pytest.raises((ModelError, DiffusionError), match="1 to 6 sentences"):
        model(batch.pack(), torch.Generator())

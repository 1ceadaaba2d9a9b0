"""Training under bfloat16 autocast learns as well as in float32."""

import statistics
import time

import pytest
import torch

from lcm.data import ConceptBatch
from lcm.models import create_model

E, S, STEPS = 16, 8, 200


def bf16_is_slower() -> bool:
    """Whether matrix products in bfloat16 take longer than in float32 on this machine."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.randn(512, 512).to(dtype), torch.randn(512, 512).to(dtype)
        times = []
        for _ in range(20):
            start = time.perf_counter()
            a @ b
            times.append(time.perf_counter() - start)
        seconds[dtype] = statistics.median(times)
    return seconds[torch.bfloat16] > seconds[torch.float32]


def batch_of(seed: int, documents: int) -> ConceptBatch:
    """Each concept is the one before, turned by one fixed rotation, and some noise."""
    turn = torch.linalg.qr(torch.randn(E, E, generator=torch.Generator().manual_seed(0)))[0]
    rng = torch.Generator().manual_seed(1000 + seed)
    concepts = [torch.randn(documents, E, generator=rng)]
    for _ in range(S - 1):
        concepts.append(0.95 * concepts[-1] @ turn + 0.3 * torch.randn(documents, E, generator=rng))
    numbers = torch.arange(documents)
    return ConceptBatch(torch.stack(concepts, 1), torch.full((documents,), S), numbers, torch.zeros_like(numbers))


def loss_at_the_end(family: str, seed: int, bf16: bool) -> float:
    """The mean loss of the second half of STEPS steps without dropout, each on documents that were never seen before.

    A mean over many weights: after a single step the two differ by several percent either way, as two seeds do.
    """
    torch.manual_seed(seed)
    model = create_model(family, "tiny", concept_dim=E, dropout=0.0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            total, targets = model(batch_of(step, 16), torch.Generator().manual_seed(step))
        (total / targets).backward()
        optimizer.step()
        losses.append(float(total.detach() / targets))
    return statistics.mean(losses[STEPS // 2 :])


@pytest.mark.slow
@pytest.mark.skipif(bf16_is_slower(), reason="bfloat16 matrix products are slower than float32 on this machine")
@pytest.mark.parametrize("family", ["base", "one_tower", "two_tower"])
def test_bfloat16_ends_within_two_percent_of_float32(family):
    full, short = (
        statistics.median(loss_at_the_end(family, seed, bf16) for seed in range(3)) for bf16 in (False, True)
    )
    assert short == pytest.approx(full, rel=0.02)

"""The paper's argument for diffusion, run: where two sentences may follow, regression gives their mean, diffusion one of them."""

import pytest
import torch

from lcm.data import ConceptBatch
from lcm.models import Sampler, create_model

E, CONTEXTS, SAMPLES = 16, 8, 1000


def corpus() -> tuple[torch.Tensor, torch.Tensor]:
    """Contexts [C, E], and for each two equally likely next concepts [C, 2, E]."""
    rng = torch.Generator().manual_seed(0)
    return torch.randn(CONTEXTS, E, generator=rng), torch.randn(CONTEXTS, 2, E, generator=rng)


def trained(family: str, steps: int):
    torch.manual_seed(0)
    contexts, modes = corpus()
    documents = torch.stack([torch.stack((c, mode)) for c, pair in zip(contexts, modes, strict=True) for mode in pair])
    model = create_model(family, "tiny", concept_dim=E, dropout=0.0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, steps)
    B = 2 * len(documents)
    batch = ConceptBatch(documents.repeat(2, 1, 1), torch.full((B,), 2), torch.arange(B), torch.zeros(B).long())
    for step in range(steps):
        optimizer.zero_grad()
        total, targets = model(batch, torch.Generator().manual_seed(step))
        (total / targets).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def samples(model) -> tuple[torch.Tensor, torch.Tensor]:
    """1 000 next concepts at g = 1 and σ_init = 1 → the two distances of each to the modes of its context, and theirs."""
    contexts, modes = corpus()
    which = torch.arange(SAMPLES) % CONTEXTS
    rngs = [torch.Generator().manual_seed(i) for i in range(SAMPLES)]
    state = model.prefill(contexts[which][:, None], torch.ones(SAMPLES).long())
    drawn = model.step(state, Sampler(guidance_scale=1.0, init_noise_scale=1.0, epsilon_scaling=1.0), rngs)
    return (drawn[:, None] - modes[which]).norm(dim=-1), (modes[:, 0] - modes[:, 1]).norm(dim=-1)[which]


def test_regression_predicts_the_mean_of_what_may_follow():
    model = trained("base", 100)
    contexts, modes = corpus()
    prediction = model.predict(contexts[:, None], torch.ones(CONTEXTS).long())[:, 0]
    apart = (modes[:, 0] - modes[:, 1]).norm(dim=-1)
    assert ((prediction - modes.mean(1)).norm(dim=-1) < 0.1 * apart).all()
    distances, gap = samples(model)
    assert (distances.amin(1) > 0.35 * gap).all()  # never near a mode


@pytest.mark.parametrize(("family", "steps"), [("one_tower", 200), ("two_tower", 200)])
def test_diffusion_chooses_one_of_the_sentences_that_may_follow(family, steps):
    distances, gap = samples(trained(family, steps))
    nearest, mode = distances.min(1)
    assert (nearest < gap / 4).float().mean() >= 0.9
    assert 0.35 <= mode.float().mean() <= 0.65

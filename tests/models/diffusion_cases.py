"""What the tests of the diffusion families share: random weights, documents, noise."""

import torch

E, LENGTHS = 16, torch.tensor([7, 4, 1])


def randomized(model: torch.nn.Module) -> torch.nn.Module:
    """Every parameter random: nothing is zero or one by initialization."""
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, p in model.named_parameters():
            mean = float("norm.weight" in name)
            p.copy_(mean + torch.randn(p.shape, generator=rng) * (0.2 if p.ndim < 2 else p.shape[1] ** -0.5))
        model.normalizer.scale.fill_(0.5)
    return model.eval()


def draws(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    concepts = torch.randn(3, 7, E, generator=rng)
    return concepts, torch.randn(3, 7, E, generator=rng), torch.randint(100, (3, 7), generator=rng)


def rngs(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def real(x: torch.Tensor) -> torch.Tensor:
    return x[torch.arange(x.shape[1]) < LENGTHS[:, None]]

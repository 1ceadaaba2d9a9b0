"""Data whose ideal denoiser, and so whose flow from noise to data, is known exactly: one Gaussian, and two."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from scipy.stats import norm

from lcm.diffusion import Sampler, make_schedule

MEAN = 2.0
DOCS = Path(__file__).parents[2] / "docs" / "diffusion.md"
POINTS = torch.linspace(-3, 3, 101, dtype=torch.float64)[:, None]
QUANTILES = torch.from_numpy(norm.ppf((torch.arange(20_000).double() + 0.5) / 20_000))[:, None]
"""N(0, 1) without chance."""


def draw(noise, denoiser, steps, T=100, **fields):
    """The sampler alone: no guidance, no ε-scaling; one number a row."""
    schedule = make_schedule(T=T)
    sampler = Sampler(steps=steps, guidance_scale=1.0, init_noise_scale=1.0, epsilon_scaling=1.0, **fields)
    rngs = [torch.Generator().manual_seed(row) for row in range(len(noise))] if "eta" in fields else None
    return sampler.sample(schedule, lambda x, t, _: (denoiser(x, schedule.alphas_cumprod[t]), None), noise, rngs=rngs)


def gaussian(std):
    """E[x₀ | x] of N(MEAN, std²); the exact flow carries noise x to MEAN + std · x."""
    return lambda x, a: MEAN + a.sqrt() * std**2 / (a * std**2 + 1 - a) * (x - a.sqrt() * MEAN)


def error(std, steps, method, T=100):
    drawn = draw(POINTS, gaussian(std), steps, T, method=method)
    return float((drawn - (MEAN + std * POINTS)).abs().max())


def spread(std, steps, method):
    """The standard deviation of what is drawn, as a share of the data's. What is drawn is linear in the noise."""
    drawn = draw(POINTS, gaussian(std), steps, method=method)
    return float((drawn[-1] - drawn[0]) / (POINTS[-1] - POINTS[0])) / std


@pytest.mark.parametrize("method", ["ddim", "dpmpp"])
@pytest.mark.parametrize("std", [0.1, 0.5, 1.0])
def test_samples_have_the_mean_and_the_variance_of_the_data(std, method):
    drawn = draw(QUANTILES, gaussian(std), 1000, T=1000, method=method)
    assert drawn.mean().item() == pytest.approx(MEAN, abs=1e-9)
    assert drawn.var().item() == pytest.approx(std**2, rel=0.02)  # measured 1.7 % for 0.1, under 0.4 % for the others


@pytest.mark.parametrize("std", [0.5, 1.0])
def test_fresh_noise_at_every_step_keeps_mean_and_variance(std):
    noise = torch.randn(1, 50_000, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    drawn = draw(noise, gaussian(std), 400, T=400, eta=1.0)
    assert abs(float(drawn.mean()) - MEAN) < 4 * std / 50_000**0.5  # four standard errors
    assert drawn.var().item() == pytest.approx(std**2, rel=4 * (2 / 50_000) ** 0.5)


@pytest.mark.parametrize("std", [0.1, 0.5, 1.0])
def test_ddim_approaches_the_exact_flow_at_first_order(std):
    errors = [error(std, steps, "ddim", T=1000) for steps in (125, 250)]
    assert errors[1] < 0.016  # measured 0.0149 for std 1
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.06)


@pytest.mark.parametrize("std", [0.5, 1.0])
def test_fifteen_steps_of_dpm_solver_are_nearer_to_the_exact_flow_than_forty_of_ddim(std):
    assert error(std, 15, "dpmpp") < 0.5 * error(std, 40, "ddim")  # measured 0.44 and 0.30 times as far


def test_the_table_of_spreads_in_the_docs_is_so():
    lines = [
        f"| {steps} | " + " | ".join(f"{spread(std, steps, m):.3f}" for std in (1.0, 0.5, 0.1) for m in ("ddim", "dpmpp"))
        + " |"
        for steps in (10, 15, 20, 40, 100)
    ]  # fmt: skip
    print(*lines, sep="\n")
    told = re.findall(r"^\| \d+ \|(?: \d\.\d{3} \|){6}$", DOCS.read_text(encoding="utf-8"), re.M)
    assert told == lines


def test_the_example_in_the_docs_prints_what_it_says(capsys):
    (program,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    exec(program, {})
    assert capsys.readouterr().out.strip() == program.rsplit("# ", 1)[1].strip()


@pytest.mark.parametrize(("method", "steps"), [("ddim", 40), ("dpmpp", 15)])
def test_two_modes_are_both_drawn_as_often_as_they_weigh(method, steps):
    """A quarter of the data lies around −2, the rest around 1. The flow of one number keeps order: shares are exact."""
    weights, means, std = torch.tensor([0.25, 0.75]).double(), torch.tensor([-2.0, 1.0]).double(), 0.4

    def denoiser(x, a):
        variance = a * std**2 + 1 - a
        away = x - a.sqrt() * means  # [N, 2]
        which = torch.softmax(weights.log() - away.square() / (2 * variance), -1)
        return (which * (means + a.sqrt() * std**2 / variance * away)).sum(-1, keepdim=True)

    drawn = draw(QUANTILES, denoiser, steps, method=method)
    low, high = drawn[drawn < -0.5], drawn[drawn > -0.5]
    assert len(low) / len(drawn) == pytest.approx(0.25, abs=0.01)
    for part, mean in ((low, -2.0), (high, 1.0)):
        assert part.mean().item() == pytest.approx(mean, abs=0.05)  # measured 0.033
        assert part.std().item() == pytest.approx(std, rel=0.1)  # measured 5 %
    between = ((drawn - means).abs().min(-1).values > 3 * std).double().mean()
    assert between < 0.005  # of the data itself 0.0027

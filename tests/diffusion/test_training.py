"""Loss weightings and the drawing of timesteps, against the formulas, the released code and counted draws."""

from __future__ import annotations

import pytest
import torch
from released_schedules import NUMBERS, SPECS
from scipy.stats import chisquare

from lcm.diffusion import DiffusionError, Fragility, make_schedule, make_timestep_sampler, make_weighting

SCHEDULE = make_schedule()


def mean_size(x):
    return x.abs().mean(-1)


def frequencies_fit(sampler, probabilities):
    """How likely counts at least this far from `probabilities` are, of 100 000 draws (χ²)."""
    drawn = sampler((100, 1000), torch.Generator().manual_seed(0))
    assert drawn.dtype == torch.int64 and drawn.shape == (100, 1000)
    possible = probabilities > 0
    counts = torch.bincount(drawn.flatten(), minlength=len(probabilities))
    assert len(counts) == len(probabilities) and counts[~possible].sum() == 0
    expected = probabilities[possible] * drawn.numel() / probabilities.sum()
    return chisquare(counts[possible].numpy(), expected.numpy()).pvalue


def test_without_a_weighting_every_target_counts_one():
    t = torch.randint(0, 100, (3, 5))
    omega = make_weighting("none")(SCHEDULE, t, torch.randn(3, 5, 8))
    assert omega.dtype == torch.float32 and torch.equal(omega, torch.ones(3, 5))


@pytest.mark.parametrize(("spec", "name"), [("clamp_snr(0, 5)", "0_5"), ("clamp_snr(0.1, 2)", "0.1_2")])
@pytest.mark.parametrize("schedule", SPECS)
def test_clamped_snr_is_the_released_weight(schedule, spec, name):
    released = make_schedule(SPECS[schedule]).as_released()
    omega = make_weighting(spec)(released, torch.arange(100), torch.empty(100, 16))
    assert omega.dtype == torch.float32
    # The last bits of ᾱ, relative to an ᾱ that falls to 1e-7; our own ᾱ moves the weights as little.
    torch.testing.assert_close(omega, NUMBERS[f"{schedule}.weight_clamp_snr_{name}"], rtol=1e-4, atol=1e-6)
    ours = make_weighting(spec)(make_schedule(SPECS[schedule]), torch.arange(100), torch.empty(100, 16))
    torch.testing.assert_close(ours, omega, rtol=1e-4, atol=1e-6)


def test_fragile_sentences_count_less_whatever_scores_them():
    x0, t = torch.randn(4, 6, 8), torch.zeros(4, 6, dtype=torch.int64)
    omega = Fragility(mean_size)(SCHEDULE, t, x0)
    fragility = x0.abs().mean(-1)
    torch.testing.assert_close(omega, 1 / (1 + torch.exp(4 * fragility - 3.5)), rtol=1e-6, atol=0)
    flat = Fragility(mean_size, a=0.0, b=0.0)(SCHEDULE, t, x0)
    assert torch.equal(flat, torch.full((4, 6), 0.5))


def test_a_score_of_double_precision_still_weighs_in_float32():
    omega = Fragility(mean_size)(SCHEDULE, torch.zeros(2, dtype=torch.int64), torch.randn(2, 8).double())
    assert omega.dtype == torch.float32


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("min_snr(5)", r"'min_snr\(5\)' is unknown. Write one of: none, clamp_snr\(min, max\)"),
        ("clamp_snr(5)", "is unknown"),
        ("none(1)", "is unknown"),
        ("clamp_snr(2, 1)", r"needs 0 ≤ min < max, but is clamp_snr\(2.0, 1.0\)"),
        ("clamp_snr(-1, 1)", "needs 0 ≤ min < max"),
        ("clamp_snr(2, 2)", "needs 0 ≤ min < max"),
    ],
)
def test_an_unknown_weighting_is_an_error(spec, message):
    with pytest.raises(DiffusionError, match=message):
        make_weighting(spec)


@pytest.mark.parametrize(("spec", "name"), [("uniform", "uniform"), ("beta(0.8, 1)", "beta_0.8_1")])
def test_probabilities_of_timesteps_are_the_released_ones(spec, name):
    released = NUMBERS[f"sampling.{name}"]
    torch.testing.assert_close(
        make_timestep_sampler(spec).probabilities.float(), released, rtol=1e-5, atol=0
    )  # float32
    assert frequencies_fit(make_timestep_sampler(spec), released.double()) > 0.001


@pytest.mark.parametrize("T", [3, 7, 100])
@pytest.mark.parametrize(("a", "b"), [(2, 1), (2, 3), (0.5, 1.5)])
def test_timesteps_are_drawn_as_often_as_their_beta_says(a, b, T):
    """Where b > 1 the last, u = 1, has no share and is never drawn."""
    u = (torch.arange(T) + 1).double() / T
    share = u ** (a - 1) * (1 - u) ** (b - 1)
    assert frequencies_fit(make_timestep_sampler(f"beta({a}, {b})", T), share / share.sum()) > 0.001


def test_the_wrong_probabilities_would_not_fit():
    assert frequencies_fit(make_timestep_sampler("beta(0.8, 1)"), torch.full((100,), 0.01).double()) < 1e-12


def test_one_generator_draws_the_same_timesteps_again():
    sampler = make_timestep_sampler()
    first, again, other = (sampler((50,), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("normal", r"'normal' is unknown. Write one of: uniform, beta\(a, b\)"),
        ("beta(1)", "is unknown"),
        ("beta(0, 1)", "needs a > 0 and b ≥ 1"),
        ("beta(1, 0.5)", "needs a > 0 and b ≥ 1"),
        ("beta(nan, 1)", "needs a > 0 and b ≥ 1"),
    ],
)
def test_an_unknown_way_to_draw_timesteps_is_an_error(spec, message):
    with pytest.raises(DiffusionError, match=message):
        make_timestep_sampler(spec)

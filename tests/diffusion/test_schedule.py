"""Noise schedules, forward noising and conversions, against tables, the released code and each other."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from released_schedules import KINDS, NUMBERS, SPECS

from lcm.diffusion import DiffusionError, NoiseSchedule, check_prediction, make_schedule

SEEN = (0, 1, 10, 25, 50, 75, 90, 99)
GOLDEN = {
    "cosine": (0.9994, 0.9983, 0.9667, 0.8355, 0.4781, 0.1333, 0.0194, 0),
    "quadratic(.001, .0012)": (0.9990, 0.9802, 0.8179, 0.5764, 0.2608, 0.0645, 0.0092, 0),
    "quadratic(.02, .022)": (0.9800, 0.9499, 0.7105, 0.4178, 0.1402, 0.0259, 0.0031, 0),
    "sigmoid(1.5, -1)": (0.9972, 0.9921, 0.8943, 0.6383, 0.2570, 0.0611, 0.0112, 0),
    "sigmoid(3.5, 0)": (1.000, 1.000, 0.9993, 0.9749, 0.4650, 0.0174, 0.0003, 0),
}
ALL_SPECS = [*GOLDEN, "linear(.0001, .02)", "cosine(0.1)"]
FLOAT32 = dict.fromkeys(SPECS, 5e-7) | {"quadratic_0.001_0.0012": 4e-6}
"""What ᾱ in float32 may lack: that quadratic is a difference of two near numbers, scaled up 19 times."""


def all_steps(schedule):
    return torch.arange(schedule.T)


def difference(here, there):
    return float((here - there).abs().max())


@pytest.mark.parametrize("spec", GOLDEN)
def test_alpha_bar_is_the_golden_table_s(spec):
    alphas = make_schedule(spec).alphas_cumprod
    assert alphas.dtype == torch.float64
    assert alphas[list(SEEN)].tolist() == pytest.approx(GOLDEN[spec], abs=5.1e-5)  # four decimals


@pytest.mark.parametrize("name", SPECS)
def test_alpha_bar_is_the_released_one_before_and_after_the_rescaling(name):
    rescaled, plain = make_schedule(SPECS[name]), make_schedule(SPECS[name], zero_terminal_snr=False)
    assert difference(rescaled.alphas_cumprod, NUMBERS[f"{name}.alphas_cumprod"]) < FLOAT32[name]
    before = NUMBERS[f"{name}.alphas_cumprod_before_rescale"]
    assert difference(plain.alphas_cumprod, before) < 5e-7  # float32
    assert difference(plain.as_released().alphas_cumprod, before) < 2e-7  # its last bits


@pytest.mark.parametrize("name", SPECS)
def test_the_released_rounding_is_known_to_its_last_bits(name):
    """The released code computes a sigmoid's curve in float32 as well, and β, scaled up, brings that out."""
    released = make_schedule(SPECS[name]).as_released().alphas_cumprod
    assert difference(released, NUMBERS[f"{name}.alphas_cumprod"]) < (4e-7 if "sigmoid" in name else 2e-7)


def test_a_schedule_whose_released_rounding_is_unknown_is_its_own():
    schedule = NoiseSchedule(make_schedule().alphas_cumprod)
    assert schedule.as_released() is schedule


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(ALL_SPECS), st.integers(2, 1000))
def test_any_number_of_steps_falls_to_exactly_zero_from_where_it_began(spec, T):
    plain, rescaled = make_schedule(spec, T, zero_terminal_snr=False), make_schedule(spec, T)
    for alphas in (plain.alphas_cumprod, rescaled.alphas_cumprod):
        assert len(alphas) == T and alphas[0] < 1
        assert (alphas.diff() < 0).all()
    assert rescaled.alphas_cumprod[-1] == 0 < plain.alphas_cumprod[-1]
    assert rescaled.ends_in_noise and not plain.ends_in_noise
    assert rescaled.alphas_cumprod[0].item() == pytest.approx(plain.alphas_cumprod[0].item(), rel=1e-12)


@pytest.mark.parametrize(("spec", "power"), [("linear(.0001, .02)", 1), ("quadratic(.0001, .02)", 2)])
def test_beta_or_its_root_goes_in_a_line_from_the_first_number_to_the_second(spec, power):
    alphas = make_schedule(spec, 50, zero_terminal_snr=False).alphas_cumprod
    root = 1e-4 ** (1 / power), 0.02 ** (1 / power)
    betas = (root[0] + (root[1] - root[0]) * torch.arange(50).double() / 49) ** power
    torch.testing.assert_close(alphas, torch.cumprod(1 - betas, 0), rtol=1e-13, atol=0)  # float64, 50 factors


@pytest.mark.parametrize("T", [10, 1000])
def test_before_the_cap_alpha_bar_is_the_curve_it_is_named_after(T):
    """The product of 1 − β telescopes to f((t + 1)/T)/f(0) wherever no β is over 0.999."""
    u = (torch.arange(T - 1, dtype=torch.float64) + 1) / T
    cosine = (
        torch.cos((u + 0.008) / 1.008 * torch.pi / 2) / torch.cos(torch.tensor(0.008 / 1.008 * torch.pi / 2))
    ) ** 2
    sigmoid = torch.sigmoid(-1 - 1.5 * torch.log(u / (1 - u)))  # f(0) is 1
    for spec, curve in (("cosine", cosine), ("sigmoid(1.5, -1)", sigmoid)):
        alphas = make_schedule(spec, T, zero_terminal_snr=False).alphas_cumprod[:-1]
        torch.testing.assert_close(alphas, curve, rtol=1e-6, atol=0)  # cos(0.008 …) is float32; f(0) is 1 − 1e-18


@pytest.mark.parametrize("name", SPECS)
def test_noised_concepts_velocity_and_snr_are_the_released_ones(name):
    schedule = make_schedule(SPECS[name]).as_released()
    t, x0, noise = all_steps(schedule), NUMBERS["pair.x0"], NUMBERS["pair.noise"]
    # The last bits of ᾱ, times concepts of size 3; at ᾱ of 1 − 1e-6 √(1 − ᾱ) lets them grow. SNR divides by that share.
    assert difference(schedule.add_noise(x0, noise, t), NUMBERS[f"{name}.noised"]) < 2e-6
    assert difference(schedule.target("v", x0, noise, t), NUMBERS[f"{name}.velocity"]) < 2e-6
    torch.testing.assert_close(schedule.snr(t), NUMBERS[f"{name}.snr"], rtol=2e-5, atol=0)


@pytest.mark.parametrize("name", [name for name in SPECS if name != "sigmoid_3.5_0"])
def test_what_float32_moves_in_the_schedule_hardly_moves_noised_concepts(name):
    """All but the steepest schedule, of whose first 1 − ᾱ float32 knows no digit."""
    schedule = make_schedule(SPECS[name])
    noised = schedule.add_noise(NUMBERS["pair.x0"], NUMBERS["pair.noise"], all_steps(schedule))
    assert difference(noised, NUMBERS[f"{name}.noised"]) < 2e-5  # measured 1.2e-5, where √(1 − ᾱ) is 0.03


def test_targets_x0_and_epsilon_are_the_two_themselves():
    schedule, x0, noise = make_schedule(), NUMBERS["pair.x0"], NUMBERS["pair.noise"]
    assert schedule.target("x0", x0, noise, all_steps(schedule)) is x0
    assert schedule.target("epsilon", x0, noise, all_steps(schedule)) is noise


def test_the_epsilon_of_an_output_is_the_released_one():
    schedule, t = make_schedule().as_released(), torch.tensor([1, 25, 49, 75, 98])[:, None]
    x_t, output = NUMBERS["step.x_t"], NUMBERS["step.model_output"]
    for kind, expected in zip(KINDS.values(), NUMBERS["epsilon_of_output"], strict=True):
        epsilon = schedule.to_epsilon(kind, output, x_t, t).expand_as(expected)
        torch.testing.assert_close(epsilon, expected, rtol=1e-6, atol=1e-6)  # float32


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["x0", "epsilon", "v"]), st.sampled_from(list(GOLDEN)), st.booleans(),
    st.integers(0, 98), st.integers(0, 2**32),
)  # fmt: skip
def test_x0_epsilon_and_v_tell_each_other(kind, spec, zero_terminal_snr, t, seed):
    schedule = make_schedule(spec, zero_terminal_snr=zero_terminal_snr)
    x0, noise = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    at = torch.full((3,), t)
    x_t, output = schedule.add_noise(x0, noise, at), schedule.target(kind, x0, noise, at)
    # Dividing by √ᾱ or √(1 − ᾱ) lets float64's 1e-16 grow: at most by 1e4, at either end of the steep sigmoid.
    torch.testing.assert_close(schedule.to_x0(kind, output, x_t, at), x0, rtol=0, atol=1e-11)
    torch.testing.assert_close(schedule.to_epsilon(kind, output, x_t, at), noise, rtol=0, atol=1e-11)


def test_timesteps_of_any_shape_keep_the_type_of_the_concepts():
    schedule = make_schedule()
    for dtype in (torch.float32, torch.float64):
        x0, noise = torch.randn(2, 4, 3, 8, dtype=dtype)
        t = torch.randint(0, 99, (4, 3))
        noised = schedule.add_noise(x0, noise, t)
        assert noised.dtype == dtype
        alpha = schedule.alphas_cumprod[t[2, 1]]
        plain = alpha.sqrt() * x0[2, 1].double() + (1 - alpha).sqrt() * noise[2, 1].double()
        torch.testing.assert_close(noised[2, 1].double(), plain, atol=5e-6 if dtype == torch.float32 else 1e-13, rtol=0)


def test_velocity_alone_tells_x0_where_there_is_no_signal():
    schedule, x, t = make_schedule(), torch.randn(3, 4), torch.full((3,), 99)
    torch.testing.assert_close(schedule.to_x0("v", x, torch.randn(3, 4), t), -x, rtol=0, atol=0)
    with pytest.raises(DiffusionError, match=r"epsilon tells nothing of x0 .* \(t = 99\)"):
        schedule.to_x0("epsilon", x, x, torch.tensor([3, 99, 4]))


def test_epsilon_is_refused_only_on_a_schedule_that_ends_without_signal():
    check_prediction("epsilon", make_schedule(zero_terminal_snr=False))
    check_prediction("v", make_schedule())
    with pytest.raises(DiffusionError, match="zero_terminal_snr: false"):
        check_prediction("epsilon", make_schedule())
    with pytest.raises(DiffusionError, match="must be one of x0, epsilon, v, but is 'sample'"):
        check_prediction("sample", make_schedule())


@pytest.mark.parametrize(
    "spec",
    ["cosines", "", "quadratic", "quadratic(1)", "sigmoid(1, 2, 3)", "cosine(a)", "linear(0.1, 0.2", "cosine(1, 2)"],
)
def test_an_unknown_schedule_is_an_error_that_tells_the_known_ones(spec):
    with pytest.raises(DiffusionError) as error:
        make_schedule(spec)
    assert str(error.value).startswith(f"'{spec}' is unknown. Write one of: cosine(s=0.008), quadratic(β₀, β_T)")


@pytest.mark.parametrize(
    "spec",
    [
        "quadratic(-0.1, 0.2)",
        "linear(0, 0.02)",
        "sigmoid(-1, 0)",
        "sigmoid(0, 0)",
        "linear(nan, 0.1)",
        "linear(0.02, 0)",
    ],
)
def test_numbers_without_a_falling_share_of_signal_are_an_error(spec):
    with pytest.raises(DiffusionError, match="gives no share of signal that falls"):
        make_schedule(spec)


def test_fewer_than_two_steps_are_an_error():
    with pytest.raises(DiffusionError, match="at least 2, but is 1"):
        make_schedule("cosine", 1)

"""The samplers, against diffusers, the released code, the plain formulas and data whose flow is known."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from released_schedules import FACTS, KINDS, NUMBERS

from lcm.diffusion import DiffusionError, NoiseSchedule, Sampler, make_schedule, stack_trace

E = 8
PLAIN = {"guidance_scale": 1.0, "init_noise_scale": 1.0, "epsilon_scaling": 1.0}
"""Nothing but the solver."""


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def generators(rows=4):
    return [torch.Generator().manual_seed(seed) for seed in range(rows)]


def network(x, t, guided=True):
    """Some smooth function of x and t, with a context and without."""
    matrix = normal(E, E, seed=1) / math.sqrt(E)
    with_context = torch.tanh(x @ matrix + math.sin(t / 9)) * 1.5
    return with_context, torch.tanh(x @ matrix.T) - 0.2 if guided else None


def schedule_for(kind, T=100):
    """One on which the kind can begin: some signal is left for ε."""
    if kind == "epsilon":
        return make_schedule("quadratic(.02, .022)", T, zero_terminal_snr=False)
    return make_schedule(T=T)


def bounded(x, t, guided):
    """A network of any type."""
    return torch.tanh(x), torch.sin(x)


def fresh(rngs):
    """N(0, 1), a row from each generator."""
    return torch.stack([torch.randn(E, generator=rng, dtype=torch.float64) for rng in rngs])


def traced(sampler, schedule, noise, denoiser=network, **more):
    trace = []
    result = sampler.sample(schedule, denoiser, noise, trace=trace, **more)
    return result, stack_trace(trace)


def difference(here, there):
    return float((here - there).abs().max())


@settings(deadline=None)
@given(st.integers(1, 1000).flatmap(lambda T: st.tuples(st.just(T), st.integers(1, T))))
def test_timesteps_trail_evenly_and_fall_from_the_last_one(sizes):
    T, steps = sizes
    timesteps = Sampler(steps=steps).timesteps(T)
    assert timesteps == [round(T * (steps - i) / steps) - 1 for i in range(steps)]
    assert timesteps[0] == T - 1 and timesteps[-1] >= 0
    assert all(t > after for t, after in pairwise(timesteps))


def test_as_many_timesteps_as_asked_for_all_distinct_whatever_the_size():
    for T in range(1, 61):
        for steps in range(1, T + 1):
            assert len(set(Sampler(steps=steps).timesteps(T))) == steps


@pytest.mark.parametrize("steps", [int(steps) for steps in FACTS["timesteps"]])
def test_the_released_switch_truncates_the_stride_as_the_released_code_does(steps):
    assert Sampler(steps=steps, released=True).timesteps(100) == FACTS["timesteps"][str(steps)]
    if 100 % steps == 0:
        assert Sampler(steps=steps).timesteps(100) == FACTS["timesteps"][str(steps)]


@pytest.mark.parametrize("released", [False, True])
@pytest.mark.parametrize("steps", [-1, 0, 101])
def test_steps_out_of_range_are_an_error(steps, released):
    with pytest.raises(DiffusionError, match=rf"steps must be between 1 and the model's T = 100, but is {steps}\."):
        Sampler(steps=steps, released=released).sample(make_schedule(), network, normal(2, E))


def betas_of(schedule):
    alphas = schedule.alphas_cumprod
    return (1 - alphas / torch.cat((torch.ones(1, dtype=torch.float64), alphas[:-1]))).numpy()


def diffusers_path(scheduler, x, more=dict, first=0):
    """Every x after a step, by a diffusers scheduler and our network; `more` gives a step's other arguments."""
    path = []
    for t in scheduler.timesteps[first:]:
        x = scheduler.step(network(x, int(t))[0], t, x, **more()).prev_sample
        path.append(x)
    return torch.stack(path, 1)


@pytest.mark.parametrize("eta", [0.0, 0.5])
@pytest.mark.parametrize("kind", ["x0", "v", "epsilon"])
@pytest.mark.parametrize(("T", "steps"), [(100, 20), (100, 50), (36, 12)])
def test_ddim_takes_the_steps_of_diffusers(T, steps, kind, eta):
    schedule = schedule_for(kind, T)
    theirs = DDIMScheduler(
        T, trained_betas=betas_of(schedule), clip_sample=False, timestep_spacing="trailing",
        prediction_type={here: name for name, here in KINDS.items()}[kind],
    )  # fmt: skip
    theirs.set_timesteps(steps)
    sampler = Sampler(steps=steps, eta=eta, **PLAIN)
    _, ours = traced(sampler, schedule, normal(4, E), prediction=kind, rngs=generators())
    rngs = generators()
    expected = diffusers_path(theirs, normal(4, E), lambda: {"eta": eta, "variance_noise": fresh(rngs)})
    assert ours["timesteps"].tolist() == theirs.timesteps.tolist()
    assert difference(ours["x_prev"], expected) < 1e-5 * expected.abs().max()  # diffusers holds ᾱ in float32


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in diffusers
@pytest.mark.parametrize("steps", [5, 15, 20, 40])
@pytest.mark.parametrize("kind", ["x0", "v", "epsilon"])
def test_dpm_solver_takes_the_steps_of_diffusers(steps, kind):
    """From the second step where ᾱ ends at 0, for which diffusers has 2⁻²⁴; from the first one where it does not."""
    schedule = schedule_for(kind)
    ends_in_noise = schedule.ends_in_noise
    theirs = DPMSolverMultistepScheduler(
        100, trained_betas=betas_of(schedule), rescale_betas_zero_snr=ends_in_noise, timestep_spacing="trailing",
        prediction_type={here: name for name, here in KINDS.items()}[kind], lower_order_final=False,
    )  # fmt: skip
    theirs.set_timesteps(steps)
    _, ours = traced(Sampler(steps=steps, method="dpmpp", **PLAIN), schedule, normal(4, E), prediction=kind)
    assert ours["timesteps"].tolist() == theirs.timesteps.tolist()
    first = 1 if ends_in_noise else 0
    theirs.set_begin_index(first)
    expected = diffusers_path(theirs, ours["x_t"][:, first], first=first)
    # diffusers holds σ in float32, of which an ε at the last, nearly clean steps is a difference
    assert difference(ours["x_prev"][:, first:], expected) < 1e-5 * expected.abs().max()


@pytest.mark.parametrize(
    ("row", "case"), list(enumerate(FACTS["steps"])), ids=lambda value: str(value) if isinstance(value, int) else ""
)
def test_a_ddim_step_is_the_released_one(row, case, monkeypatch):
    """A schedule of the two timesteps alone makes a sampler take that one step."""
    monkeypatch.setattr("lcm.diffusion.sampler._normal", lambda *_: NUMBERS["step.variance_noise"])
    visited = [t for t in (case["previous_timestep"], case["timestep"]) if t >= 0]
    schedule = NoiseSchedule(NUMBERS["cosine.alphas_cumprod"].double()[visited])
    sampler = Sampler(
        steps=len(visited), guidance_scale=1.0, eta=case["eta"], epsilon_scaling=case["epsilon_scaling"] or 1.0
    )
    _, ours = traced(
        sampler, schedule, NUMBERS["step.x_t"], lambda x, t, guided: (NUMBERS["step.model_output"], None),
        prediction=KINDS[case["prediction_type"]], rngs=generators(2),
    )  # fmt: skip
    for name, expected in (("x0", NUMBERS["step.x0"][row]), ("x_prev", NUMBERS["step.x_previous"][row])):
        torch.testing.assert_close(ours[name][:, 0], expected, rtol=1e-6, atol=1e-6)  # float32


def test_the_released_switch_steps_over_the_released_alpha_bar():
    schedule, noise = make_schedule(), normal(4, E)
    released = Sampler(steps=20, released=True).sample(schedule, network, noise)
    assert torch.equal(released, Sampler(steps=20).sample(schedule.as_released(), network, noise))
    assert 0 < difference(released, Sampler(steps=20).sample(schedule, network, noise)) < 1e-4  # ᾱ moves by 2.7e-7


def plain_epsilon(kind, output, x, a):
    if kind == "x0":
        return (x - a.sqrt() * output) / (1 - a).sqrt()
    return a.sqrt() * output + (1 - a).sqrt() * x if kind == "v" else output


def plain_ddim(schedule, x, sampler, kind, rngs):
    """DDIM with guidance, written from the formulas; every x₀ and x."""
    g, r, lam, eta = sampler.guidance_scale, sampler.guidance_rescale, sampler.epsilon_scaling, sampler.eta
    timesteps, path = sampler.timesteps(schedule.T), []
    for t, t_next in zip(timesteps, [*timesteps[1:], None], strict=True):
        a = schedule.alphas_cumprod[t]
        b = schedule.alphas_cumprod[t_next] if t_next is not None else torch.ones((), dtype=torch.float64)
        conditional, unconditional = network(x, t)
        e_c, e_u = (plain_epsilon(kind, output, x, a) for output in (conditional, unconditional))
        if a == 0:
            e, x0 = e_c, conditional if kind == "x0" else -conditional
        else:
            e = e_u + g * (e_c - e_u)
            if g != 1:
                e = e * (r * e_c.std(-1, keepdim=True) / e.std(-1, keepdim=True) + 1 - r)
            x0 = (x - (1 - a).sqrt() * e) / a.sqrt()
        variance = eta**2 * (1 - b) / (1 - a) * (1 - a / b)
        x = b.sqrt() * x0 + (1 - b - variance).clamp(min=0).sqrt() * e / lam
        if variance > 0:
            x = x + variance.sqrt() * fresh(rngs)
        x = x.clamp(-100, 100)
        path.append((x0, x))
    return [torch.stack(part, 1) for part in zip(*path, strict=True)]


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["x0", "v", "epsilon"]), st.integers(1, 100), st.sampled_from([0.0, 1.0, 1.5, 3.0]),
    st.sampled_from([0.0, 0.3, 0.7, 1.0]), st.sampled_from([1.0, 1.00045, 1.1]), st.sampled_from([0.0, 0.3, 1.0]),
)  # fmt: skip
def test_guidance_rescale_epsilon_scaling_and_eta_are_the_plain_formulas(kind, steps, g, r, lam, eta):
    schedule = schedule_for(kind)
    sampler = Sampler(steps=steps, guidance_scale=g, guidance_rescale=r, epsilon_scaling=lam, eta=eta)
    result, ours = traced(sampler, schedule, normal(4, E), prediction=kind, rngs=generators())
    x0, x_prev = plain_ddim(schedule, normal(4, E), sampler, kind, generators())
    # Both are float64, whose 1e-16 a division by √ᾱ or √(1 − ᾱ) lets grow, at each step anew
    torch.testing.assert_close(ours["x_prev"], x_prev, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(ours["x0"], x0, rtol=1e-9, atol=1e-9)
    assert torch.equal(result, ours["x0"][:, -1])


def test_the_papers_sampler_is_the_default():
    paper = Sampler(
        steps=40, guidance_scale=3.0, guidance_rescale=0.7, init_noise_scale=0.6, epsilon_scaling=1.00045, eta=0.0,
        method="ddim", released=False,
    )  # fmt: skip
    assert Sampler() == paper


def test_a_rescale_of_one_gives_the_guided_noise_the_spread_of_the_conditional_one():
    schedule = make_schedule()
    _, ours = traced(Sampler(guidance_rescale=1.0), schedule, normal(4, E))
    t, x = ours["timesteps"][1:], ours["x_t"][:, 1:]
    conditional = schedule.to_epsilon("x0", ours["conditional"][:, 1:], x, t)
    torch.testing.assert_close(ours["guided_epsilon"].std(-1), conditional.std(-1), rtol=1e-12, atol=0)


def test_noise_that_a_model_makes_explode_is_clipped_but_not_the_last_prediction():
    result, ours = traced(Sampler(steps=5, **PLAIN), make_schedule(), normal(2, E), lambda x, t, _: (x * 1e4, None))
    assert ours["x_prev"].abs().max() == 100
    assert torch.equal(result, ours["x0"][:, -1]) and result.abs().max() > 100


def test_concepts_of_one_number_are_guided_if_their_spread_is_left_alone():
    """One number has no standard deviation that ε could be brought back to."""
    drawn = Sampler(guidance_rescale=0.0).sample(
        make_schedule(), lambda x, t, guided: (torch.tanh(x), torch.sin(x)), normal(4, 1)
    )
    assert drawn.isfinite().all()


def test_each_row_starts_from_its_own_generator_scaled():
    like = torch.zeros((), dtype=torch.float64)
    noise = Sampler(init_noise_scale=0.6).initial_noise(E, generators(3), like)
    assert noise.dtype == torch.float64
    for row, rng in zip(noise, generators(3), strict=True):
        assert torch.equal(row, 0.6 * torch.randn(E, generator=rng, dtype=torch.float64))
    assert torch.equal(Sampler().initial_noise(E, generators(5), like)[:3], noise)


def test_eta_draws_the_same_from_the_same_generators_and_row_by_row():
    schedule, sampler, noise = make_schedule(), Sampler(steps=10, eta=0.7), normal(4, E)
    first = sampler.sample(schedule, network, noise, rngs=generators())
    assert torch.equal(first, sampler.sample(schedule, network, noise, rngs=generators()))
    other = [*generators(3), torch.Generator().manual_seed(9)]
    changed = sampler.sample(schedule, network, noise, rngs=other)
    torch.testing.assert_close(changed[:3], first[:3], rtol=0, atol=1e-12)
    assert difference(changed[3], first[3]) > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_eta_one_stays_finite_from_pure_noise_on(dtype):
    """There 1 − ᾱ′ − σ² is 0 but for rounding: the released code takes the root of less."""
    for steps in (1, 7, 40, 100):
        noise = normal(4, E).to(dtype)
        drawn = Sampler(steps=steps, eta=1.0).sample(make_schedule(), bounded, noise, rngs=generators())
        assert drawn.dtype == dtype and drawn.isfinite().all()


@pytest.mark.parametrize("method", ["ddim", "dpmpp"])
def test_what_comes_in_as_float32_or_float64_goes_out_so_and_agrees(method):
    sampler = Sampler(method=method)
    double = sampler.sample(make_schedule(), bounded, normal(4, E))
    single = sampler.sample(make_schedule(), bounded, normal(4, E).float())
    assert (double.dtype, single.dtype) == (torch.float64, torch.float32)
    assert difference(single, double) < 1e-4  # float32's 1e-7, divided by √(1 − ᾱ) = 0.04 and guided, at 40 steps


@pytest.mark.parametrize("method", ["ddim", "dpmpp"])
@pytest.mark.parametrize("watched", [False, True])
def test_without_signal_nothing_is_guided_and_only_a_trace_asks_for_both_halves(watched, method):
    asked, trace = [], [] if watched else None

    def denoiser(x, t, guided):
        asked.append((t, guided))
        return network(x, t, guided)

    sampler = Sampler(steps=5, method=method)
    result = sampler.sample(make_schedule(), denoiser, normal(4, E), trace=trace)
    assert asked == [(99, watched), (79, True), (59, True), (39, True), (19, True)]
    if watched:
        ours = stack_trace(trace)
        shapes = {name: tensor.shape[1] for name, tensor in ours.items() if name != "timesteps"}
        assert shapes == dict(x_t=5, conditional=5, unconditional=5, guided_epsilon=4, x0=5, x_prev=5)
        conditional, unconditional = network(normal(4, E), 99)
        assert torch.equal(ours["unconditional"][:, 0], unconditional)
        assert torch.equal(ours["x0"][:, 0], conditional)
        assert torch.equal(ours["x_t"][:, 1:], ours["x_prev"][:, :-1])
        assert torch.equal(result, sampler.sample(make_schedule(), network, normal(4, E)))


def test_a_schedule_that_keeps_some_signal_is_guided_from_the_first_step():
    _, ours = traced(Sampler(steps=5), make_schedule(zero_terminal_snr=False), normal(4, E))
    assert ours["guided_epsilon"].shape == ours["x0"].shape


def test_a_guidance_of_one_asks_for_the_conditional_half_alone():
    asked = []

    def denoiser(x, t, guided):
        asked.append(guided)
        return network(x, t, guided)

    result, ours = traced(Sampler(steps=5, guidance_scale=1.0), make_schedule(), normal(4, E), denoiser)
    assert asked == [False] * 5 and not ours.keys() & {"unconditional", "guided_epsilon"}
    assert torch.equal(result, ours["conditional"][:, -1])


def test_a_schedule_without_noise_at_its_first_step_needs_no_epsilon_there():
    """As float32 rounds the steepest one."""
    schedule = make_schedule("sigmoid(3.5, 0)").as_released()
    assert schedule.alphas_cumprod[0] == 1
    for sampler in (Sampler(steps=100), Sampler(steps=100, eta=1.0), Sampler(steps=100, method="dpmpp")):
        drawn = sampler.sample(schedule, network, normal(4, E), rngs=generators())
        assert drawn.isfinite().all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": "euler"}, "method must be one of ddim, dpmpp, but is 'euler'"),
        ({"method": "dpmpp", "eta": 0.5}, "belong to method ddim"),
        ({"method": "dpmpp", "released": True}, "belong to method ddim"),
        ({"guidance_scale": -1.0}, "guidance_scale must be between 0 and inf, but is -1.0"),
        ({"guidance_rescale": 1.5}, "guidance_rescale must be between 0 and 1, but is 1.5"),
        ({"init_noise_scale": float("nan")}, "init_noise_scale must be between 0 and inf, but is nan"),
        ({"eta": 1.1}, "eta must be between 0 and 1, but is 1.1"),
        ({"epsilon_scaling": 0.0}, "epsilon_scaling must be over 0, but is 0.0"),
        ({"epsilon_scaling": float("nan")}, "epsilon_scaling must be over 0, but is nan"),
    ],
)
def test_a_setting_that_cannot_work_is_an_error_that_names_it(fields, message):
    with pytest.raises(DiffusionError, match=message):
        Sampler(**fields)


def test_what_cannot_be_sampled_is_an_error():
    schedule, noise = make_schedule(), normal(4, E)
    with pytest.raises(DiffusionError, match="predict x0 or v"):
        Sampler().sample(schedule, network, noise, prediction="epsilon")
    with pytest.raises(DiffusionError, match="prediction must be one of"):
        Sampler().sample(schedule, network, noise, prediction="sample")
    for rngs in (None, generators(1)):
        with pytest.raises(DiffusionError, match="one generator a row"):
            Sampler(eta=0.5).sample(schedule, network, noise, rngs=rngs)
    for steps, trace in ((40, None), (40, []), (1, [])):
        with pytest.raises(DiffusionError, match="guidance_scale must be 1"):
            Sampler(steps=steps).sample(schedule, lambda x, t, guided: (x, None), noise, trace=trace)

"""Optimisers, schedules and the average of weights against their formulas and other libraries."""

import pytest
import torch
from fairseq2.optim.lr_schedulers import CosineAnnealingLR

from lcm.training.optimizers import Average, Averaged, OptimizerConfig, OptimizerError, make_optimizer, make_schedule


def rates(steps: int, **fields: object) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make_schedule(optimizer, OptimizerConfig(**fields), steps)  # type: ignore[arg-type]
    found = []
    for _ in range(steps + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_wsd_warms_up_stays_and_falls_to_its_last_value():
    found = rates(100, schedule="wsd", warmup=10, decay_from=0.5, final=0.02)
    assert found[0] == pytest.approx(0.1)
    assert found[9:51] == [1.0] * 42
    assert found[75] == pytest.approx(0.51)
    assert found[100] == pytest.approx(0.02)


def test_cosine_falls_as_fairseq2s_does():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = CosineAnnealingLR(optimizer, cycle_len=90, num_warmup_steps=10, final_lr=0.1)
    expected = []
    for _ in range(100):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert rates(100, schedule="cosine", warmup=10, final=0.1)[10:100] == pytest.approx(expected[10:], abs=1e-9)


@pytest.mark.parametrize("shape", [(24, 10), (10, 24), (16, 16)])
@pytest.mark.parametrize(("float32", "tolerance"), [(True, 1e-5), (False, 0.03)], ids=["float32", "bfloat16"])
def test_a_step_of_muon_has_the_gradients_singular_vectors_and_five_times_the_quintic_of_its_singular_values(
    shape, float32, tolerance
):
    model = torch.nn.Linear(shape[1], shape[0], bias=False)
    model.weight.grad = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, s, v = torch.linalg.svd(model.weight.grad.double(), full_matrices=False)
    s = s / s.norm()
    for _ in range(5):
        s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5  # https://kellerjordan.github.io/posts/muon
    rate = 0.1 * max(1.0, shape[0] / shape[1]) ** 0.5
    expected = model.weight.detach().double() - rate * (u * s) @ v
    make_optimizer(model, OptimizerConfig(muon_lr=0.1), float32=float32).step()
    torch.testing.assert_close(model.weight.double(), expected, atol=tolerance * rate, rtol=0)


def test_the_average_is_that_of_the_formula_is_used_where_asked_and_survives_a_checkpoint():
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    config = OptimizerConfig(kind="adamw", adamw_lr=0.1, average=0.9)
    optimizer = make_optimizer(model, config)
    assert isinstance(optimizer, Averaged)
    expected = model.weight.detach().double().clone()
    for step in range(1, 31):
        model(torch.randn(4, 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.weight.detach().double()
    own = model.weight.detach().clone()
    with optimizer.average.in_use():
        torch.testing.assert_close(model.weight.double(), expected, atol=1e-6, rtol=0)
        assert not torch.equal(model.weight, own)
    assert torch.equal(model.weight, own)
    restored = make_optimizer(model, config)
    restored.load_state_dict(optimizer.state_dict())
    assert isinstance(restored, Averaged)
    with restored.average.in_use():
        torch.testing.assert_close(model.weight.double(), expected, atol=1e-6, rtol=0)


def test_averages_begin_near_the_weights():
    weight = torch.nn.Parameter(torch.zeros(1))
    average = Average([weight], 0.999)
    weight.data.fill_(1.0)
    average.update()
    with average.in_use():
        assert weight.item() == pytest.approx(1 - 2 / 11)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "sgd"}, "optimizer.kind must be muon or adamw, but is sgd"),
        ({"schedule": "linear"}, "optimizer.schedule must be wsd or cosine, but is linear"),
        ({"average": 1.0}, "optimizer.average must be at least 0 and under 1"),
        ({"betas": [0.9]}, "optimizer.betas must be two numbers"),
    ],
)
def test_what_is_no_optimiser_is_refused(fields, said):
    with pytest.raises(OptimizerError, match=said):
        OptimizerConfig(**fields)

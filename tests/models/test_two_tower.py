"""The Two-Tower LCM against its plain form: what is not computed changes nothing."""

from copy import deepcopy

import pytest
import torch
from diffusion_cases import LENGTHS, E, draws, randomized, real, rngs

from benchmarks.measure import FlopCounter
from benchmarks.plain import PlainDenoiser, PlainTwoTower, causal_visible
from lcm.data import ConceptBatch
from lcm.diffusion import DiffusionError, Sampler
from lcm.models import ModelError, TwoTowerConfig, TwoTowerLCM, create_model
from lcm.nn import Context, Padded


def random_model(**fields) -> TwoTowerLCM:
    """Every parameter random: nothing is zero or one by initialization."""
    config = {
        "concept_dim": E,
        "model_dim": 32,
        "num_heads": 2,
        "context_layers": 2,
        "denoiser_layers": 3,
        "max_len": 64,
    }
    return randomized(TwoTowerLCM(TwoTowerConfig(**(config | fields))))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("drop", [0.0, 0.5])
def test_outputs_and_gradients_are_those_of_the_plain_form(dtype, tolerance, drop):
    model = random_model().to(dtype)
    plain = PlainDenoiser(model)
    concepts, noisy, t = draws()
    noisy = noisy.to(dtype)
    dropped = torch.rand(3, 7, generator=torch.Generator().manual_seed(1)) < drop
    visible = causal_visible(7) & ~(dropped[..., None] & (torch.arange(8) > 0))
    context = model.contextualize(concepts, LENGTHS).detach()
    here, there = context.clone().requires_grad_(), context.clone().requires_grad_()
    ours = model._denoise(noisy, t, Context.before(here[:, :-1], Padded(LENGTHS, 7), dropped))
    masked = model.denoise(noisy, t, context, visible)
    expected = plain(noisy, t, there, visible)
    torch.testing.assert_close(ours, expected, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(masked, expected, atol=tolerance, rtol=tolerance)
    for y in (ours, expected):
        real(y).square().sum().backward()
    scale = 1 + there.grad.abs().max().item()
    torch.testing.assert_close(here.grad, there.grad, atol=tolerance * scale, rtol=0)
    for layer, block in zip(plain.layers, model.denoiser.blocks, strict=True):
        for mine, theirs in (
            (block.modulation.weight, layer.modulation.weight),
            (block.cross_attn.k_proj.weight, layer.cross_attn.k_proj.weight),
            (block.self_attn.v_proj.weight, layer.self_attn.v_proj.weight),
            (block.ffn.gate_proj.weight, layer.gate_proj.weight),
        ):
            scale = 1 + theirs.grad.abs().max().item()
            torch.testing.assert_close(mine.grad, theirs.grad, atol=tolerance * scale, rtol=0)
        assert layer.self_attn.q_proj.weight.grad.abs().max() < 1e-4  # cannot matter: ours has none


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_generation_is_that_of_the_plain_form(dtype, tolerance):
    model, sampler = random_model().to(dtype), Sampler(steps=10)
    plain = PlainDenoiser(model)
    prompts, noise, _ = draws()
    noise = noise[:, :3].to(dtype)
    state = model.prefill(prompts, LENGTHS)
    documents, lengths = prompts, LENGTHS
    for new in range(3):  # a new concept becomes context of the next
        context = model.contextualize(documents, lengths).detach()
        with torch.no_grad():
            z = sampler.sample(
                model.diffusion.schedule,
                lambda x, t, guided, c=context, n=lengths: plain.next(x, t, c, n),
                noise[:, new],
            )
        trace = []
        concepts = model._next(state, sampler, noise[:, new], None, trace)
        near = tolerance if new == 0 else 1e-5  # concepts are float32, so what is read back is rounded
        torch.testing.assert_close(trace[-1]["x0"], z, atol=near, rtol=near)
        torch.testing.assert_close(concepts, model.normalizer.denormalize(z), atol=1e-5, rtol=1e-5)
        documents = torch.nn.functional.pad(documents, (0, 0, 0, 1))
        documents[torch.arange(3), lengths] = concepts.to(documents.dtype)
        lengths = lengths + 1


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_the_loss_and_its_gradients_are_those_of_the_plain_form(dtype, tolerance):
    model = random_model(context_drop=0.5).to(dtype)
    plain = PlainTwoTower(model)
    batch = ConceptBatch(draws()[0], LENGTHS, torch.arange(3), torch.zeros(3).long())
    ours, expected = (form(batch, torch.Generator().manual_seed(0)) for form in (model, plain))
    assert ours.num_targets == expected.num_targets == 12
    torch.testing.assert_close(ours.total, expected.total, rtol=tolerance, atol=0)
    ours.total.backward()
    expected.total.backward()
    for block, theirs in zip(model.contextualizer.transformer.blocks, plain.contextualizer.theirs.blocks, strict=True):
        for name, p in theirs.named_parameters():
            scale = 1 + p.grad.abs().max().item()
            torch.testing.assert_close(block.get_parameter(name).grad, p.grad, atol=tolerance * scale, rtol=0)
    for name, p in plain.denoiser.time.named_parameters():
        scale = 1 + p.grad.abs().max().item()
        torch.testing.assert_close(
            model.time_embedding.get_parameter(name).grad, p.grad, atol=tolerance * scale, rtol=0
        )


def test_the_plain_form_costs_what_the_formulas_say():
    plain = PlainTwoTower(random_model(concept_dim=E, model_dim=64, num_heads=4))
    prompts, lengths = torch.randn(2, 9, E), torch.tensor([9, 9])
    state = plain.prefill(prompts, lengths)
    with FlopCounter() as counter:
        plain.step(state, Sampler(steps=5), rngs(0, 1))
    assert counter.get_total_flops() == plain.step_flops(2, 9, 5)
    with FlopCounter() as counter:
        plain(ConceptBatch(prompts, lengths, lengths, lengths), rngs(0)[0]).total.backward()
    assert counter.get_total_flops() == pytest.approx(plain.training_flops(2, 9), rel=0.02)  # nothing flows to the data


def test_keys_and_values_of_a_sentence_are_computed_once():
    model, (prompts, _, _) = random_model(), draws()
    rows = []
    for block in model.denoiser.blocks:
        for proj in (block.cross_attn.k_proj, block.cross_attn.v_proj):
            proj.register_forward_hook(lambda _, inputs, __: rows.append(inputs[0].shape[1]))
    state = model.prefill(prompts, LENGTHS)
    kept = [cache.keys for cache in state.caches]
    for new in range(3):
        model.step(state, None, rngs(0, 1, 2))
        assert sum(rows) == 2 * len(model.denoiser.blocks) * (1 + 7 + new)  # the zero vector, the prompt, what was read
    for before, cache in zip(kept, state.caches, strict=True):
        assert torch.equal(cache.keys[0, :, :8], before[0])


def test_bfloat16_products_stay_near():
    model, (prompts, noise, _) = random_model(), draws()
    sampler = Sampler(steps=10)
    exact = model.next_concept(prompts, LENGTHS, noise=noise[:, 0], sampler=sampler)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model.next_concept(prompts, LENGTHS, noise=noise[:, 0], sampler=sampler)
    assert rough.dtype == exact.dtype
    assert 0 < (rough - exact).norm() / exact.norm() < 0.05  # measured 0.01


def test_a_document_is_continued_alone_as_in_a_batch():
    model, (prompts, _, _) = random_model(), draws()
    state = model.prefill(prompts, LENGTHS)
    together = [model.step(state, None, rngs(0, 1, 2)) for _ in range(3)]
    for row, length in enumerate(LENGTHS.tolist()):
        alone = model.prefill(prompts[row : row + 1, :length], LENGTHS[row : row + 1])
        for batch in together:
            new = model.step(alone, None, rngs(row))
            torch.testing.assert_close(new[0], batch[row], atol=1e-5, rtol=1e-5)


def test_documents_that_leave_the_batch_do_not_change_the_others():
    model, (prompts, _, _) = random_model(), draws()
    whole, part = model.prefill(prompts, LENGTHS), model.prefill(prompts, LENGTHS)
    model.step(whole, None, rngs(0, 1, 2))
    model.step(part, None, rngs(0, 1, 2))
    part = part.select(torch.tensor([2, 1]))
    for _ in range(3):
        expected = model.step(whole, None, rngs(5, 6, 7))[[2, 1]]
        torch.testing.assert_close(model.step(part, None, rngs(7, 6)), expected, atol=1e-5, rtol=1e-5)


def test_a_text_may_begin_from_nothing():
    model = random_model()
    prompts, lengths = draws()[0], torch.tensor([0, 3, 0])
    first = model.step(model.prefill(prompts, lengths), None, rngs(4, 5, 6))
    alone = model.step(model.prefill(torch.zeros(1, 0, E), torch.tensor([0])), None, rngs(4))
    torch.testing.assert_close(first[:1], alone, atol=1e-5, rtol=1e-5)
    state = model.prefill(torch.zeros(2, 0, E), torch.tensor([0, 0]))
    two = torch.stack([model.step(state, None, rngs(4, 6)) for _ in range(2)], 1)
    again = model.step(model.prefill(two[:, :1], torch.tensor([1, 1])), None, rngs(4, 6))
    torch.testing.assert_close(two[:, 1], again, atol=1e-5, rtol=1e-5)


def test_new_weights_make_a_new_plan():
    model, (prompts, _, _) = random_model(), draws()
    before = model.step(model.prefill(prompts, LENGTHS), None, rngs(0, 1, 2))
    with torch.no_grad():
        model.denoiser.blocks[0].self_attn.v_proj.weight.mul_(2)
    after = model.step(model.prefill(prompts, LENGTHS), None, rngs(0, 1, 2))
    assert (after - before).abs().max() > 1e-3
    copied = deepcopy(model)
    torch.testing.assert_close(after, copied.step(copied.prefill(prompts, LENGTHS), None, rngs(0, 1, 2)))
    fresh = random_model()
    fresh.load_state_dict(model.state_dict())
    torch.testing.assert_close(after, fresh.step(fresh.prefill(prompts, LENGTHS), None, rngs(0, 1, 2)))


def test_the_loss_is_drawn_from_the_generator_alone():
    model, (concepts, _, _) = random_model(), draws()
    batch = ConceptBatch(concepts, LENGTHS, torch.arange(3), torch.zeros(3).long())
    first, again, other = (model(batch, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first.num_targets == 12
    assert first.total == again.total != other.total
    with pytest.raises(ModelError, match="generator"):
        model(batch)


def test_padding_and_later_sentences_change_nothing():
    model, (concepts, noisy, t) = random_model(), draws()
    changed = concepts.clone()
    changed[1, 4:], changed[0, 6] = 100.0, -3.0  # padding; the last sentence, which no slot sees
    outputs = [model.denoise(noisy, t, model.contextualize(c, LENGTHS)) for c in (concepts, changed)]
    torch.testing.assert_close(real(outputs[0]), real(outputs[1]), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("fields", "sampler", "message"),
    [
        ({"context_drop": 0.0}, Sampler(), "guidance_scale must be 1, but is 3.0"),
        ({"diffusion_steps": 20}, Sampler(), "steps must be between 1 and the model's T = 20, but is 40"),
    ],
)
def test_a_sampler_that_the_model_cannot_follow_is_refused(fields, sampler, message):
    model, (prompts, _, _) = random_model(**fields), draws()
    with pytest.raises((ModelError, DiffusionError), match=message):
        model.step(model.prefill(prompts, LENGTHS), sampler, rngs(0, 1, 2))


def test_what_does_not_fit_is_refused():
    model = random_model(max_len=8)
    with pytest.raises(ModelError, match=r"max_len = 8 sentences long, but are 9"):
        model.prefill(torch.zeros(1, 9, E), torch.tensor([9]))
    with pytest.raises(ModelError, match=r"\[B, S, 16\]"):
        model.contextualize(torch.zeros(1, 2, 15), torch.tensor([2]))
    state = model.prefill(torch.zeros(1, 8, E), torch.tensor([8]))
    model.step(state, None, rngs(0))
    with pytest.raises(ModelError, match="has reached max_len = 8"):
        model.step(state, None, rngs(0))
    for field, value, message in (
        ("prediction", "epsilon", "zero_terminal_snr"),
        ("prediction", "x1", "x0, epsilon, v"),
        ("schedule", "cubic", "cosine"),
        ("schedule", "sigmoid(1)", "sigmoid"),
        ("weighting", "clamp_snr(5, 1)", "min < max"),
        ("timesteps", "beta(0, 1)", "a > 0"),
        ("context_drop", 1.5, "between 0 and 1"),
        ("denoiser_layers", 0, "at least 1"),
    ):
        with pytest.raises((ModelError, DiffusionError), match=message):
            create_model("two_tower", **{field: value})


@pytest.mark.parametrize(("name", "count"), [("1_6b", 1_536_433_152), ("7b", 6_460_904_960)])
def test_large_architectures_have_the_designed_number_of_parameters(name, count):
    with torch.device("meta"):
        model = create_model("two_tower", name)
    assert sum(p.numel() for p in model.parameters()) == count

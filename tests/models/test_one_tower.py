"""The One-Tower LCM against its plain form: what is not computed changes nothing."""

import pytest
import torch
from diffusion_cases import LENGTHS, E, draws, randomized, real, rngs

from benchmarks.measure import FlopCounter
from benchmarks.plain import PlainOneTower
from lcm.data import ConceptBatch
from lcm.diffusion import Sampler
from lcm.models import ModelError, OneTowerConfig, OneTowerLCM, create_model


def random_model(**fields) -> OneTowerLCM:
    """Every parameter random: nothing is zero or one by initialization."""
    config = {"concept_dim": E, "model_dim": 32, "num_heads": 2, "num_layers": 3, "max_len": 64}
    return randomized(OneTowerLCM(OneTowerConfig(**(config | fields))))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("drop", [0.0, 0.5])
def test_outputs_and_gradients_are_those_of_the_plain_form(dtype, tolerance, drop):
    model = random_model().to(dtype)
    concepts, noisy, t = draws()
    dropped = torch.rand(3, 7, generator=torch.Generator().manual_seed(1)) < drop
    z = model.normalizer(concepts).to(dtype)
    plain = PlainOneTower(model)
    ours = model.denoise(noisy.to(dtype), t, concepts, LENGTHS, dropped)
    expected = plain.denoise(noisy.to(dtype), t, z, dropped)
    torch.testing.assert_close(real(ours), real(expected), atol=tolerance, rtol=tolerance)
    for output in (ours, expected):
        real(output).square().sum().backward()
    theirs = {name.replace("transformer.theirs.", "transformer.").replace("time.", "time_embedding."): p.grad
              for name, p in plain.named_parameters()}  # fmt: skip
    for name, p in model.named_parameters():
        scale = 1 + theirs[name].abs().max().item()
        torch.testing.assert_close(p.grad, theirs[name], atol=tolerance * scale, rtol=0, msg=name)


def test_the_plain_form_has_the_same_loss_and_costs_what_the_formulas_say():
    model = random_model(context_drop=0.5)
    plain = PlainOneTower(model)
    batch = ConceptBatch(draws()[0], LENGTHS, torch.arange(3), torch.zeros(3).long())
    ours, expected = (form(batch, torch.Generator().manual_seed(0)) for form in (model, plain))
    torch.testing.assert_close(ours.total, expected.total, rtol=1e-5, atol=0)
    prompts, lengths = torch.randn(2, 9, E), torch.tensor([9, 9])
    with FlopCounter() as counter:
        plain.step(plain.prefill(prompts, lengths), Sampler(steps=5), rngs(0, 1))
    assert counter.get_total_flops() == plain.step_flops(2, 9, 5)
    with FlopCounter() as counter:
        plain(ConceptBatch(prompts, lengths, lengths, lengths), rngs(0)[0]).total.backward()
    assert counter.get_total_flops() == pytest.approx(plain.training_flops(2, 9), rel=0.03)  # nothing flows to the data


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_generation_is_that_of_the_plain_form(dtype, tolerance):
    model, sampler = random_model().to(dtype), Sampler(steps=10)
    plain = PlainOneTower(model)
    prompts, noise, _ = draws()
    noise = noise[:, :3].to(dtype)
    state = model.prefill(prompts, LENGTHS)
    documents, lengths = prompts, LENGTHS
    for new in range(3):  # a new concept becomes context of the next
        clean = model.normalizer(documents)
        with torch.no_grad():
            z = sampler.sample(
                model.diffusion.schedule,
                lambda x, t, guided, c=clean, n=lengths: plain.next(x, t, c, n),
                noise[:, new],
            )
        trace = []
        concepts = model._next(state, sampler, noise[:, new], None, trace)
        near = tolerance if new == 0 else 1e-5  # concepts are float32, so what is read back is rounded
        torch.testing.assert_close(trace[-1]["x0"], z, atol=near, rtol=near)
        documents = torch.nn.functional.pad(documents, (0, 0, 0, 1))
        documents[torch.arange(3), lengths] = concepts.to(documents.dtype)
        lengths = lengths + 1


def test_one_pass_denoises_every_sentence_as_if_it_were_the_next():
    model, (concepts, noise, _) = random_model(), draws()
    t = torch.full((3, 7), 99)  # where the sampler starts: one step of it gives the network's output
    together = model.denoise(noise, t, concepts, LENGTHS)
    for n in range(4):
        one = model.next_concept(concepts[:2, :n], torch.tensor([n, n]), noise=noise[:2, n], sampler=Sampler(steps=1))
        torch.testing.assert_close(model.normalizer(one), together[:2, n], atol=1e-5, rtol=1e-5)


def test_a_document_is_continued_alone_as_in_a_batch():
    model, (prompts, _, _) = random_model(), draws()
    state = model.prefill(prompts, LENGTHS)
    together = [model.step(state, None, rngs(0, 1, 2)) for _ in range(3)]
    for row, length in enumerate(LENGTHS.tolist()):
        alone = model.prefill(prompts[row : row + 1, :length], LENGTHS[row : row + 1])
        for batch in together:  # rounding grows over 40 guided steps of random weights, and again with each concept
            new = model.step(alone, None, rngs(row))
            torch.testing.assert_close(new[0], batch[row], atol=1e-4, rtol=1e-4)


def test_documents_that_leave_the_batch_do_not_change_the_others():
    model, (prompts, _, _) = random_model(), draws()
    whole, part = model.prefill(prompts, LENGTHS), model.prefill(prompts, LENGTHS)
    model.step(whole, None, rngs(0, 1, 2))
    model.step(part, None, rngs(0, 1, 2))
    part = part.select(torch.tensor([2, 1]))
    for _ in range(3):  # rounding grows over guided steps, the more so as every concept becomes context
        expected = model.step(whole, None, rngs(5, 6, 7))[[2, 1]]
        torch.testing.assert_close(model.step(part, None, rngs(7, 6)), expected, atol=1e-4, rtol=1e-4)


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


def test_no_key_or_value_of_a_clean_slot_is_computed_twice():
    """Rows that pass through the layers: the prompt once, each new concept once, one noisy slot per evaluation."""
    model, (prompts, _, _) = random_model(), draws()
    read: list[int] = []
    model.transformer.blocks[0].register_forward_hook(lambda module, inputs, output: read.append(inputs[0].shape[1]))
    state = model.prefill(prompts, LENGTHS)
    for _ in range(3):
        model.step(state, Sampler(steps=5), rngs(0, 1, 2))
    assert read == [7, 1, 1]  # the last new concept is never read


def test_new_weights_make_a_new_plan():
    model, (prompts, _, _) = random_model(), draws()
    before = model.step(model.prefill(prompts, LENGTHS), None, rngs(0, 1, 2))
    with torch.no_grad():
        model.transformer.blocks[0].self_attn.v_proj.weight.mul_(2)
    after = model.step(model.prefill(prompts, LENGTHS), None, rngs(0, 1, 2))
    assert (after - before).abs().max() > 1e-3
    fresh = random_model()
    fresh.load_state_dict(model.state_dict())
    torch.testing.assert_close(after, fresh.step(fresh.prefill(prompts, LENGTHS), None, rngs(0, 1, 2)))


def test_the_loss_is_drawn_from_the_generator_alone_and_is_that_of_its_draws():
    model, (concepts, _, _) = random_model(), draws()
    batch = ConceptBatch(concepts, LENGTHS, torch.arange(3), torch.zeros(3).long())
    first, again, other = (model(batch, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first.num_targets == 12
    assert first.total == again.total != other.total
    drawn = model.diffusion.draw(batch, torch.Generator().manual_seed(0))
    given = model.loss(concepts, LENGTHS, noise=drawn.noise, t=drawn.t, dropped=drawn.dropped)
    torch.testing.assert_close(given.total, first.total)


def test_the_loss_by_timestep_adds_up_to_the_loss_and_each_target_counts_where_its_noise_is():
    model, (concepts, _, _) = random_model(), draws()
    batch = ConceptBatch(concepts, LENGTHS, torch.arange(3), torch.zeros(3).long())
    parts = model.loss_by_timestep(batch, torch.Generator().manual_seed(0))
    terms = model(batch, torch.Generator().manual_seed(0))
    torch.testing.assert_close(parts[0].sum(), terms.total.detach())
    t = model.diffusion.draw(batch, torch.Generator().manual_seed(0)).t
    real = torch.arange(7) < LENGTHS[:, None]
    assert parts[1].tolist() == torch.bincount(t[real] // 20, minlength=5).tolist()


def test_what_does_not_fit_is_refused():
    model = random_model(max_len=8)
    with pytest.raises(ModelError, match=r"max_len = 8 sentences long, but are 9"):
        model.prefill(torch.zeros(1, 9, E), torch.tensor([9]))
    with pytest.raises(ModelError, match=r"\[B, S, 16\]"):
        model.prefill(torch.zeros(1, 2, 15), torch.tensor([2]))
    state = model.prefill(torch.zeros(1, 8, E), torch.tensor([8]))
    model.step(state, None, rngs(0))
    with pytest.raises(ModelError, match="has reached max_len = 8"):
        model.step(state, None, rngs(0))
    with pytest.raises(ModelError, match="num_layers must be at least 1"):
        create_model("one_tower", num_layers=0)


def test_the_largest_architecture_has_the_size_of_its_formula():
    with torch.device("meta"):
        model = create_model("one_tower", "1_6b")
    E, D, L, F = 1024, 2048, 32, 5632
    layer = 4 * (D * D + D) + 2 * (D * F + F) + F * D + D + 2 * D
    ends = (E + D) * D + D + D * E + E + D + D  # PreNet, PostNet, final norm, the clean slots' vector
    time = 256 * D + D + D * D + D
    assert sum(p.numel() for p in model.parameters()) == L * layer + ends + time


def test_products_in_bfloat16_stay_near():
    model, (prompts, _, _) = random_model(), draws()
    sampler = Sampler(steps=1, guidance_scale=1.0)  # the network's own output: more steps would carry rounding on
    with torch.no_grad():
        full = model.step(model.prefill(prompts, LENGTHS), sampler, rngs(0, 1, 2))
        with torch.autocast("cpu", torch.bfloat16):
            short = model.step(model.prefill(prompts, LENGTHS), sampler, rngs(0, 1, 2))
    assert 0 < (short - full).norm() / full.norm() < 0.03

"""Released checkpoints converted by the command, and everything that the released code computed with them."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file

import lcm
from lcm.diffusion import Sampler, make_schedule, make_weighting
from lcm.generation import Stopping, continue_documents
from lcm.models import ModelError, convert_released, create_model, load_model_folder
from lcm.models.released import _released_name

FIXTURES = Path(__file__).parent / "fixtures"
FACTS = json.loads((FIXTURES / "facts.json").read_text())
ACTIVATION, PATH, CONCEPT = 1e-5, 1e-4, 5e-6
"""What another order of float32 operations may differ by: activations and predictions, x₀ along a path, raw concepts."""

RENAMED = (
    ("context_encoder.layer_norm.", "contextualizer.transformer.norm."),
    ("context_encoder.", "contextualizer.transformer."),
    ("encoder_frontend.pre_linear.", "contextualizer.prenet."),
    ("denoiser.embed_time.", "time_embedding."),
    ("denoiser.initial_proj.fc.", "denoiser.prenet."),
    ("denoiser.final_proj.fc.", "denoiser.postnet."),
    ("denoiser.layer_norm.", "denoiser.norm."),
    ("cross_attention_layer_norm.", "cross_attn_norm."),
    ("cross_attention.", "cross_attn."),
    ("modulator.fc.", "modulation."),
    ("frontend.pre_linear.", "prenet."),
    ("frontend.sonar_normalizer.", "normalizer."),
    ("sonar_normalizer.", "normalizer."),
    ("lcm.layer_norm.", "transformer.norm."),
    ("lcm.layers.", "transformer.layers."),
    ("self_attn_layer_norm.", "self_attn_norm."),
    ("ffn_layer_norm.", "ffn_norm."),
    ("postnet.fc.", "postnet."),
)
OWN_SLOT = re.compile(r"denoiser\.layers\.\d+\.self_attn\.[qk]_proj\.")


def ours(name: str) -> str:
    """The name that a released parameter has here."""
    for theirs, here in RENAMED:
        name = name.replace(theirs, here)
    return name


def write(folder, tensors, card, prefix="", **more):
    """A checkpoint in the released layout."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"model": {prefix + name: tensor for name, tensor in tensors.items()}, **more}
    torch.save(content, folder / "model.pt")
    if card is not None:
        YAML().dump(card, folder / "model_card.yaml")
    return folder


def fixture(family):
    """The released weights and their card."""
    return load_file(FIXTURES / f"{family}.weights.safetensors"), YAML(typ="safe").load(
        FIXTURES / f"{family}.model_card.yaml"
    )


def command(*words):
    return subprocess.run([sys.executable, "-m", "lcm.cli", *map(str, words)], capture_output=True, text=True)


def difference(here, there, real=None):
    """The largest difference, of the real rows [B, S, …] alone."""
    delta = (here - there).abs()
    return float((delta if real is None else delta[real]).max())


def real_slots(lengths, width):
    return torch.arange(width) < lengths[:, None]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Both models as the command converts them: Base from its run, whose names begin with `module.`, Two-Tower from a step."""
    root = tmp_path_factory.mktemp("released")
    tensors, card = fixture("base")
    write(root / "base/checkpoints/step_9", {}, card)
    write(root / "base/checkpoints/step_10", tensors, card, prefix="module.", model_key="model")
    write(root / "two_tower/checkpoints/step_10", *fixture("two_tower"))
    for source, out in (("base", "a"), ("two_tower/checkpoints/step_10", "b")):
        done = command("convert-released", root / source, "--out", root / out)
        assert done.returncode == 0, done.stderr
        assert "parameters, E = 16, D = 32, 2 heads, space 'unknown'" in done.stdout
        assert "--space" in done.stderr
    return {"base": root / "a", "two_tower": root / "b"}


@pytest.fixture(scope="module")
def base(folders):
    return lcm.load(folders["base"])


@pytest.fixture(scope="module")
def two_tower(folders):
    return lcm.load(folders["two_tower"])


@pytest.fixture(scope="module")
def numbers():
    return {
        name: load_file(FIXTURES / f"{name}.safetensors") for name in ("base", "two_tower", "generation", "stopping")
    }


@pytest.mark.parametrize("family", ["base", "two_tower"])
def test_every_tensor_is_the_released_one_but_own_slot_queries_and_keys(family, folders):
    here = load_model_folder(folders[family]).model.state_dict()
    there = {ours(name): tensor for name, tensor in fixture(family)[0].items() if not OWN_SLOT.match(name)}
    assert here.keys() == there.keys()
    for name, tensor in there.items():
        torch.testing.assert_close(here[name], tensor, atol=0, rtol=0)


def test_what_no_tensor_tells_comes_from_the_card(two_tower):
    config = two_tower.model.config
    assert (config.num_heads, config.rope_theta, config.max_len, config.dropout) == (2, 10_000.0, 64, 0.1)
    assert (config.schedule, config.diffusion_steps, config.prediction) == ("cosine", 100, "x0")
    assert config.zero_terminal_snr and config.context_drop == 0.15


def test_base_predicts_and_loses_as_released(base, numbers):
    given, losses = numbers["base"], FACTS["base"]["losses"]
    for kind, lengths in (
        ("train", given["train.lengths"]),
        ("supervised", given["supervised.source_lengths"] + given["supervised.target_lengths"]),
    ):
        concepts = given["train.concepts" if kind == "train" else "supervised.joined"]
        prediction = base.normalizer(base.predict(concepts, lengths))
        assert difference(prediction, given[f"{kind}.prediction"], real_slots(lengths, concepts.shape[1])) < ACTIVATION
        targets = given[f"{kind}.target_mask"][:, 1:]
        error = base.squared_error(concepts, lengths)[targets]
        prefix = "" if kind == "train" else "supervised,"
        for name in (name for name in losses if name.startswith(f"{prefix}rmse")):
            each = (error + 1e-5).sqrt() if "rmse=True" in name else error
            total = each.sum() if "reduction=sum" in name else each.mean()
            assert total.item() == pytest.approx(losses[name]["value"], rel=1e-6)
            assert targets.sum() == losses[name]["num_targets"]
    terms = base.loss(given["train.concepts"], given["train.lengths"])
    assert terms.total.item() == pytest.approx(losses["rmse=False,reduction=sum"]["value"], rel=1e-6)
    assert terms.num_targets == 9


def outputs_of(layers):
    """Collects what each layer gives."""
    seen = []
    hooks = [layer.register_forward_hook(lambda _m, _i, out: seen.append(out)) for layer in layers]
    return seen, hooks


def test_every_layer_gives_what_the_released_one_gives(base, two_tower, numbers):
    given, real = numbers["base"], real_slots(numbers["base"]["train.lengths"], 7)
    modules = [base.prenet, *base.transformer.layers, base.transformer.norm]
    seen, hooks = outputs_of(modules)
    base.predict(given["train.concepts"], given["train.lengths"])
    for out, name in zip(seen, ("prenet", "layer.0", "layer.1", "final_norm"), strict=True):
        assert difference(out, given[f"train.{name}"], real) < ACTIVATION, name
    given = numbers["two_tower"]
    context = two_tower.contextualizer
    seen, more = outputs_of([context.prenet, *context.transformer.layers, context.transformer.norm])
    two_tower.contextualize(given["train.concepts"], given["train.lengths"])
    for out, name in zip(seen, ("context_in", "context_layer.0", "context_layer.1", "context"), strict=True):
        assert difference(out, given[f"train.{name}"], real) < ACTIVATION, name
    embedded = two_tower.time_embedding(given["train.timesteps"])
    assert difference(embedded, given["train.timestep_embedding"]) < ACTIVATION
    for drop in ("0", "0.5", "1"):
        seen, last = outputs_of([two_tower.denoiser.prenet, *two_tower.denoiser.layers])
        two_tower.denoise(given["train.noisy"], given["train.timesteps"], given["train.context"],
                          given[f"train.drop_{drop}.visible"])  # fmt: skip
        names = ["denoiser_in", f"drop_{drop}.denoiser_layer.0", f"drop_{drop}.denoiser_layer.1"]
        for out, name in zip(seen, names, strict=True):
            assert difference(out, given[f"train.{name}"], real) < ACTIVATION, name
        more += last
    for hook in hooks + more:
        hook.remove()


@pytest.mark.parametrize("drop", ["0", "0.5", "1"])
def test_the_denoiser_predicts_under_any_form_of_the_released_mask(drop, two_tower, numbers):
    given = numbers["two_tower"]
    lengths, t, visible = given["train.lengths"], given["train.timesteps"], given[f"train.drop_{drop}.visible"]
    context = two_tower.contextualize(given["train.concepts"], lengths)
    padded = visible & torch.cat((torch.ones(3, 1, dtype=torch.bool), real_slots(lengths, 7)), 1)[:, None]
    forms = [visible, visible[None], visible[None, None], padded, padded[:, None], *([None] if drop == "0" else [])]
    for form in forms:
        prediction = two_tower.denoise(given["train.noisy"], t, context, form)
        expected = given[f"train.drop_{drop}.prediction"]
        assert difference(prediction, expected, real_slots(lengths, 7)) < ACTIVATION


@pytest.mark.parametrize("drop", ["0", "0.5"])
def test_targets_of_pairs_are_denoised_given_the_source(drop, two_tower, numbers):
    given = numbers["two_tower"]
    sources, targets = given["supervised.source_lengths"], given["supervised.target_lengths"]
    joined = torch.zeros_like(given["supervised.context"][..., :16])
    for row, (source, target) in enumerate(zip(sources.tolist(), targets.tolist(), strict=True)):
        joined[row, :source] = given["supervised.source"][row, :source]
        joined[row, source : source + target] = given["supervised.target"][row, :target]
    context = two_tower.contextualize(joined, sources + targets)
    assert difference(context, given["supervised.context"], real_slots(sources + targets, 7)) < ACTIVATION
    prediction = two_tower.denoise(
        given["supervised.noisy"], given["supervised.timesteps"], context, given[f"supervised.drop_{drop}.visible"]
    )
    assert difference(prediction, given[f"supervised.drop_{drop}.prediction"], real_slots(targets, 4)) < ACTIVATION


@pytest.mark.parametrize("name", FACTS["two_tower"]["losses"])
def test_losses_of_every_target_and_weighting_are_the_released_ones(name, two_tower, numbers):
    given, expected = numbers["two_tower"], FACTS["two_tower"]["losses"][name]
    part, name = ("supervised", name.removeprefix("supervised,")) if "supervised" in name else ("train", name)
    drop, target, rmse, reduction, weighting = (setting.split("=")[1] for setting in name.split(","))
    kind = {"sample": "x0", "epsilon": "epsilon", "v_prediction": "v"}[target]
    lengths = given["train.lengths" if part == "train" else "supervised.target_lengths"]
    t, x0 = given[f"{part}.timesteps"], given[f"{part}.x0"]
    real, schedule = real_slots(lengths, x0.shape[1]), two_tower.diffusion.schedule
    visible = given[f"{part}.drop_{drop}.visible"]
    output = two_tower.denoise(given[f"{part}.noisy"], t, given[f"{part}.context"], visible)
    goal = schedule.target(kind, x0, given[f"{part}.noise"], t)
    raw = two_tower.normalizer.denormalize
    weights = make_weighting("none" if weighting == "none" else "clamp_snr(0, 5)")(schedule, t, x0)[real]
    weights = weights * len(weights) / weights.sum()  # the released code makes a batch's weights sum to its targets
    for field, a, b, omega in (
        ("value", output, goal, weights),
        ("mse_loss", output, goal, torch.ones(())),
        ("unnormalized_reconstruction_loss", raw(output), raw(goal), torch.ones(())),
    ):
        error = (a - b).square().sum(-1)[real]
        each = omega * ((error + 1e-5).sqrt() if rmse == "True" else error)
        assert (each.sum() if reduction == "sum" else each.mean()).item() == pytest.approx(expected[field], rel=1e-5)


@pytest.mark.parametrize("drop", ["0", "0.5", "1"])
def test_the_loss_with_given_draws_is_the_released_one(drop, two_tower, numbers):
    given = numbers["two_tower"]
    expected = FACTS["two_tower"]["losses"][f"drop={drop},target=sample,rmse=False,reduction=sum,weighting=none"]
    visible = given[f"train.drop_{drop}.visible"]
    padding = torch.arange(8) > given["train.lengths"][:, None]
    everything = visible | padding[:, None]  # what is shown of the padding is hidden
    for form in (visible, visible[None], visible[None, None], everything):
        terms = two_tower.loss(
            given["train.concepts"], given["train.lengths"],
            noise=given["train.noise"], t=given["train.timesteps"], visible=form,
        )  # fmt: skip
        assert terms.num_targets == expected["num_targets"]
        assert terms.total.item() == pytest.approx(expected["value"], rel=1e-6)


@pytest.mark.parametrize("family", ["base", "two_tower"])
def test_gradients_are_the_released_ones(family, folders, numbers):
    model, given = load_model_folder(folders[family]).model.requires_grad_(True), numbers[family]
    concepts, lengths = given["train.concepts"], given["train.lengths"]
    if family == "base":
        model.loss(concepts, lengths).total.backward()
    else:
        model.loss(concepts, lengths, noise=given["train.noise"], t=given["train.timesteps"]).total.backward()
    expected = load_file(FIXTURES / f"{family}.gradients.safetensors")
    for name, gradient in expected.items():
        if OWN_SLOT.match(name):
            assert gradient.abs().max() < 1e-5  # zero but for rounding: what was dropped could not matter
            continue
        here = model.get_parameter(ours(name)).grad
        assert difference(here, gradient) < 1e-5 * (1 + float(gradient.abs().max())), name


@pytest.fixture(scope="module")
def v_model(folders, tmp_path_factory):
    """The same weights, read as a model of v: a card given by hand."""
    root = tmp_path_factory.mktemp("v")
    tensors, card = fixture("two_tower")
    card["model_config"]["noise_scheduler"]["prediction_type"] = "v_prediction"
    write(root / "step_1", tensors, None)
    YAML().dump(card, root / "v.yaml")
    convert_released(root / "step_1/model.pt", root / "v", config=root / "v.yaml")
    return lcm.load(root / "v")


@pytest.mark.parametrize("name", FACTS["two_tower"]["generation"])
def test_generation_visits_every_released_step(name, two_tower, v_model, numbers):
    given, setting = numbers["generation"], FACTS["two_tower"]["generation"][name]
    model = v_model if setting["prediction_type"] == "v_prediction" else two_tower
    sampler = Sampler(
        steps=setting["inference_timesteps"],
        guidance_scale=setting["guidance_scale"],
        guidance_rescale=setting["guidance_rescale"],
        released=True,
    )
    prompts, lengths = given["prompts"], given["prompt_lengths"].clone()
    rows = torch.arange(len(prompts))
    for k in range(setting["new_concepts"]):
        noise = given[f"{name}.concept{k}.noise"]
        concept, trace = model.next_concept(prompts, lengths, noise=noise, sampler=sampler, trace=True)
        assert trace["timesteps"].tolist() == given[f"{name}.timesteps"].tolist()
        guided = ("unconditional", "guided_epsilon") if setting["guidance_scale"] != 1 else ()
        assert trace.keys() == {"timesteps", "x_t", "conditional", "x0", "x_prev", *guided}
        for part in trace.keys() - {"timesteps"}:
            expected = given[f"{name}.concept{k}.{part}"]
            assert trace[part].shape == expected.shape  # guided_epsilon lacks the first evaluation, where ᾱ is 0
            # ε is a difference divided by the share of noise: what float32 rounds grows with it.
            unit = 1 + expected.abs() if part == "guided_epsilon" else 1
            assert float(((trace[part] - expected).abs() / unit).max()) < PATH, part
        assert difference(concept, given[f"{name}.concept{k}.concept"]) < CONCEPT
        prompts = torch.cat((prompts, torch.zeros_like(prompts[:, :1])), 1)
        prompts[rows, lengths] = concept
        lengths = lengths + 1
    assert difference(prompts[:, : int(lengths.max())], given[f"{name}.sequences"]) < CONCEPT
    assert lengths.tolist() == given[f"{name}.lengths"].tolist()


def test_two_new_concepts_from_one_state_are_those_of_two_prompts(two_tower, numbers):
    given = numbers["generation"]
    state = two_tower.prefill(given["prompts"], given["prompt_lengths"])
    sampler = Sampler(steps=20, released=True)
    for k in range(2):
        concept = two_tower.model._next(state, sampler, given[f"guided_s20.concept{k}.noise"], None)
        assert difference(concept, given[f"guided_s20.concept{k}.concept"]) < CONCEPT


@pytest.mark.parametrize(
    "case", FACTS["base"]["stopping"], ids=lambda case: ",".join(key for key, value in case.items() if value)
)
def test_documents_end_where_released_ones_do_without_what_ended_them(case, base, numbers):
    """The released code keeps the concept that stops, unless it trims; here it is never part of an answer."""
    given = numbers["stopping"]
    lengths, longest = given["prompt_lengths"], case["max_gen_len"]
    stopping = Stopping(
        max_sentences=longest,
        min_sentences=case.get("min_gen_len", 1),
        end_of_text=case["eos_threshold"] or 2.0,  # no cosine reaches 2
        repetition=case.get("stop_on_repetition_cosine_threshold", 2.0),
    )
    eos = given[case.get("eos", "eos_third")]
    answer = continue_documents(base.model, given["prompts"], lengths, eos, stopping)
    new = [0] * len(lengths)
    for concept in (concept for known in answer for concept in known):
        new[concept.row] += 1
        expected = given["free"][concept.row, int(lengths[concept.row]) + concept.index]
        assert difference(concept.concept, expected) < CONCEPT
    keeps_the_last = not case.get("trim_hypotheses") or case.get("include_eos_token", False)
    for count, prompt, released in zip(new, lengths.tolist(), case["lengths"], strict=True):
        stopped = released - prompt < longest
        assert count == released - prompt - (stopped and keeps_the_last)


def released_form(model, dtype):
    """Our model's weights under released names, with queries and keys that do not matter."""
    family = "base" if hasattr(model, "postnet") else "two_tower"
    tensors = {_released_name(family, name): tensor.to(dtype) for name, tensor in model.state_dict().items()}
    for name in [name for name in tensors if re.match(r"denoiser\.layers\.\d+\.self_attn\.v_proj\.", name)]:
        for other in "qk":
            tensors[name.replace("v_proj", f"{other}_proj")] = torch.randn_like(tensors[name])
    return tensors


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("family", ["base", "two_tower"])
def test_other_sizes_heads_layers_and_types_are_read_too(family, dtype, tmp_path):
    torch.manual_seed(0)
    layers = {"num_layers": 3} if family == "base" else {"context_layers": 3, "denoiser_layers": 1}
    model = create_model(family, "tiny", concept_dim=1024, model_dim=48, num_heads=4, **layers)
    _, card = fixture(family)
    said = card["model_config"]
    said |= {"sonar_embed_dim": 1024, "model_dim": 48, "max_seq_len": 33}
    for stack, count in (("lcm", 3), ("context_encoder", 3), ("denoiser", 1)):
        if stack in said:
            said[stack] |= {"num_layers": count, "num_attn_heads": 4, "ffn_inner_dim": 192, "rope_theta": 500}
    write(tmp_path / "step_3", released_form(model, dtype), card)
    made = convert_released(
        tmp_path / "step_3", tmp_path / "out", dtype=torch.float16 if dtype == torch.float16 else torch.float32
    )
    loaded = load_model_folder(tmp_path / "out").model
    assert made.info.space == "sonar_basic" and made.notes == []
    assert (loaded.config.num_heads, loaded.config.max_len, loaded.config.rope_theta) == (4, 33, 500.0)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor.to(dtype).float(), atol=0, rtol=0)


def test_an_architecture_s_name_tells_what_the_card_does_not(tmp_path):
    tensors, _ = fixture("two_tower")
    config = {"model_dim": 32, "context_encoder": {"num_layers": 2}, "denoiser": {"num_layers": 2}}
    card = {"name": "x", "model_arch": "two_tower_diffusion_lcm_1_6B", "model_config": config}
    convert_released(write(tmp_path / "step_1", tensors, card), tmp_path / "out", space="mine")
    info = load_model_folder(tmp_path / "out").info
    assert info.space == "mine"
    told = {name: info.config[name] for name in ("num_heads", "max_len", "rope_theta", "diffusion_steps", "schedule")}
    assert told == {"num_heads": 16, "max_len": 4096, "rope_theta": 1e4, "diffusion_steps": 100, "schedule": "cosine"}


@pytest.mark.parametrize(
    ("settings", "schedule"),
    [
        ({"beta_schedule": "scaled_linear", "beta_start": 0.001, "beta_end": 0.0012}, "quadratic(0.001, 0.0012)"),
        ({"beta_schedule": "linear"}, "linear(0.0001, 0.02)"),
        (
            {"beta_schedule": "sigmoid", "sigmoid_schedule_alpha": 1.5, "sigmoid_schedule_beta": -1},
            "sigmoid(1.5, -1.0)",
        ),
    ],
)
def test_released_schedules_have_our_names(settings, schedule, tmp_path):
    tensors, card = fixture("two_tower")
    card["model_config"]["noise_scheduler"] |= settings | {
        "rescale_betas_zero_snr": False,
        "prediction_type": "epsilon",
    }
    card["model_config"]["trained_with_cf_guidance"] = False
    made = convert_released(write(tmp_path / "step_1", tensors, card), tmp_path / "out")
    assert made.info.config["schedule"] == schedule
    assert made.info.config["prediction"] == "epsilon" and not made.info.config["zero_terminal_snr"]
    assert made.info.config["context_drop"] == 0
    assert len(make_schedule(schedule).alphas_cumprod) == 100


def test_a_base_model_without_normalizer_takes_concepts_as_they_are(tmp_path):
    tensors, card = fixture("base")
    tensors = {name: tensor for name, tensor in tensors.items() if "sonar_normalizer" not in name}
    made = convert_released(write(tmp_path / "step_1", tensors, card), tmp_path / "out")
    assert any("no normalizer" in note for note in made.notes)
    normalizer = load_model_folder(tmp_path / "out").model.normalizer
    torch.testing.assert_close(normalizer(torch.arange(16.0)), torch.arange(16.0), atol=0, rtol=0)


def _set(path, value):
    """An edit of a card: a dotted field of model_config set, or taken out (None)."""

    def edit(tensors, card):
        *above, last = path.split(".")
        section = card["model_config"]
        for part in above:
            section = section[part]
        section[last] = value
        if value is Ellipsis:
            del section[last]

    return edit


def _tensors(change):
    return lambda tensors, card: change(tensors)


REFUSED = [
    ("base", _set("lcm.use_swiglu", False), r"lcm\.use_swiglu is false"),
    ("base", _set("lcm.layer_normalization_style", "standard"), r"lcm\.layer_normalization_style is standard"),
    ("base", _set("lcm.norm_order_style", "normformer"), r"lcm\.norm_order_style is normformer"),
    ("base", _set("lcm.final_norm_order_style", "post"), r"final_norm_order_style is post"),
    ("base", _set("lcm.pos_embedding_style", "learned"), r"lcm\.pos_embedding_style is learned"),
    ("base", _set("lcm.mha_output_proj_bias", False), r"lcm\.mha_output_proj_bias is false"),
    ("base", _set("lcm.enable_qk_layernorm", True), r"lcm\.enable_qk_layernorm is true"),
    ("base", _set("lcm.mha_qkv_weight_normalization", True), r"lcm\.mha_qkv_weight_normalization is true"),
    ("base", _set("lcm.scale_residual", 1.0), r"lcm\.scale_residual is 1\.0"),
    ("base", _set("frontend.scale_embeddings", True), r"frontend\.scale_embeddings is true"),
    ("base", _set("frontend.weight_normalization", True), r"frontend\.weight_normalization is true"),
    ("base", _set("postnet.activation_name", "tanh"), r"postnet\.activation_name is tanh"),
    ("base", _set("lcm.num_attn_heads", ...), r"lcm\.num_attn_heads is missing .*toy_base_lcm.* not known"),
    ("base", _set("lcm.num_attn_heads", "two"), r"lcm\.num_attn_heads is 'two', but must be int"),
    ("base", _set("lcm.num_attn_heads", 3), r"multiple of 2 · num_heads"),
    ("base", _set("lcm.rope_theta", ...), r"lcm\.rope_theta is missing"),
    ("base", _set("model_dim", 64), r"model_dim is 64, but .* has 32"),
    ("base", _set("lcm.num_layers", 3), r"lcm\.num_layers is 3, but .* has 2"),
    ("base", lambda _, card: card.update(model_family="quant_lcm"), r"model_family is 'quant_lcm'"),
    ("base", lambda _, card: card.update(model_family="two_tower_diffusion_lcm"), r"holds the tensors of a base"),
    ("base", lambda _, card: card.pop("model_config"), r"lcm\.num_attn_heads is missing"),
    ("base", _tensors(lambda t: t.pop("lcm.layer_norm.weight")), r"lacks lcm\.layer_norm\.weight"),
    ("base", _tensors(lambda t: t.update({"lcm.pos.weight": torch.ones(2)})), r"what no such model has: lcm\.pos\.weight"),
    ("base", _tensors(lambda t: t.update({"frontend.sonar_normalizer.clip_min": torch.ones(16)})), "normalizer clips"),
    ("base", _tensors(lambda t: t.pop("frontend.sonar_normalizer.scale")), r"lacks frontend\.sonar_normalizer\.scale"),
    ("base", _tensors(lambda t: t.update({"postnet.fc.bias": torch.ones(8)})), r"'postnet\.fc\.bias' is \[8\], but must be"),
    ("base", _tensors(lambda t: t.update({"lcm.layers.0.ffn.gate_proj.bias": torch.ones(512)})), "ffn_inner_dim"),
    ("base", _tensors(lambda t: t.clear()), "has no matrix"),
    ("two_tower", _set("denoiser.pos_embedding_style", "rope"), r"denoiser\.pos_embedding_style is rope"),
    ("two_tower", _set("denoiser.num_attn_heads", 4), r"num_attn_heads must be the same"),
    ("two_tower", _set("denoiser.post_denoiser.activation_name", "relu"), r"post_denoiser\.activation_name is relu"),
    ("two_tower", _set("noise_scheduler.beta_schedule", ...), r"noise_scheduler\.beta_schedule is missing"),
    ("two_tower", _set("noise_scheduler.beta_schedule", "cubic"), r"noise_scheduler\.beta_schedule is 'cubic'"),
    ("two_tower", _set("noise_scheduler.num_diffusion_train_steps", ...), r"num_diffusion_train_steps is missing"),
    ("two_tower", _set("noise_scheduler.prediction_type", "score"), r"prediction_type is 'score'"),
    ("two_tower", _set("noise_scheduler.prediction_type", "epsilon"), "epsilon cannot start from pure noise"),
    ("two_tower", _set("noise_scheduler.rescale_betas_zero_snr", ...), r"rescale_betas_zero_snr is missing"),
    ("two_tower", _set("noise_scheduler.thresholding", True), r"noise_scheduler\.thresholding is true"),
    ("two_tower", _set("noise_scheduler.timestep_spacing", "leading"), r"timestep_spacing is leading"),
    ("two_tower", _set("noise_scheduler", {"beta_schedule": "scaled_linear", "scaled_linear_exponent": 3.0,
     "prediction_type": "sample", "num_diffusion_train_steps": 100}), r"scaled_linear_exponent is 3\.0"),
    ("two_tower", _tensors(lambda t: t.pop("sonar_normalizer.center")), r"lacks sonar_normalizer\.center"),
]  # fmt: skip


@pytest.mark.parametrize(("family", "edit", "said"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_ours_is_not_is_refused_by_name(family, edit, said, tmp_path):
    tensors, card = fixture(family)
    tensors, card = dict(tensors), copy.deepcopy(card)
    edit(tensors, card)
    with pytest.raises(ModelError, match=said) as refused:
        convert_released(write(tmp_path / "step_1", tensors, card), tmp_path / "out")
    assert "\n" not in str(refused.value) and not (tmp_path / "out").exists()


def test_a_checkpoint_that_is_not_whole_is_refused_with_the_reason(tmp_path):
    tensors, card = fixture("base")
    step = tmp_path / "run/checkpoints/step_2"
    write(step, {}, card)
    (step / "model.pt").rename(step / "rank_0.pt")
    for source in (step, tmp_path / "run", step / "rank_0.pt"):
        with pytest.raises(ModelError, match="in pieces by rank"):
            convert_released(source, tmp_path / "out")
    with pytest.raises(ModelError, match="no such file or folder"):
        convert_released(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(ModelError, match=r"has no model\.pt"):
        convert_released(tmp_path, tmp_path / "out")
    with pytest.raises(ModelError, match=r"model_card\.yaml: no such file.*--config"):
        convert_released(write(tmp_path / "cardless", tensors, None), tmp_path / "out")
    with pytest.raises(ModelError, match="no tensors under 'ema'"):
        convert_released(write(tmp_path / "other_key", tensors, card, model_key="ema"), tmp_path / "out")
    (step / "model.pt").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ModelError, match="cannot be read as a torch file of tensors alone"):
        convert_released(step, tmp_path / "out")
    torch.save({"model": {"weight": Path("anything but a tensor")}}, step / "model.pt")
    with pytest.raises(ModelError, match="cannot be read as a torch file of tensors alone"):
        convert_released(step, tmp_path / "out")
    (step / "model_card.yaml").write_text("name: [")
    with pytest.raises(ModelError, match="cannot be read as a YAML model card"):
        convert_released(step, tmp_path / "out")


def test_the_command_writes_over_nothing_but_a_model_and_ends_an_error_in_one_line(folders, tmp_path):
    step = write(tmp_path / "step_1", *fixture("base"))
    done = command("convert-released", step, "--out", step)
    assert done.returncode == 2 and "is no model of lcm" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert (step / "model.pt").is_file()
    done = command("convert-released", step / "model.pt", "--out", tmp_path / "out", "--space", "mine", "--half")
    assert done.returncode == 0 and "space 'mine'" in done.stdout and done.stderr == ""
    assert load_file(tmp_path / "out/model.safetensors")["prenet.weight"].dtype == torch.float16
    assert convert_released(step, tmp_path / "out").info.space == "unknown"  # a model is replaced

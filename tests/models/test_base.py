"""Base-LCM against the released code's numbers, and against itself computed another way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lcm.data import ConceptBatch
from lcm.models import BaseConfig, BaseLCM, ModelError, create_model

FIXTURES = Path(__file__).parent / "fixtures"

RENAMED = (
    ("frontend.pre_linear.", "prenet."),
    ("frontend.sonar_normalizer.", "normalizer."),
    ("lcm.layer_norm.", "transformer.norm."),
    ("lcm.layers.", "transformer.layers."),
    ("self_attn_layer_norm.", "self_attn_norm."),
    ("ffn_layer_norm.", "ffn_norm."),
    ("postnet.fc.", "postnet."),
)


def ours(name: str) -> str:
    """The name that a released parameter has here."""
    for theirs, here in RENAMED:
        name = name.replace(theirs, here)
    return name


@pytest.fixture(scope="module")
def released() -> dict[str, torch.Tensor]:
    """Inputs and outputs of the released model."""
    return load_file(FIXTURES / "base.safetensors")


@pytest.fixture(scope="module")
def model() -> BaseLCM:
    """Our model with the released model's weights."""
    model = BaseLCM(BaseConfig(concept_dim=16, model_dim=32, num_heads=2, num_layers=2, max_len=64))
    weights = load_file(FIXTURES / "base.weights.safetensors")
    model.load_state_dict({ours(name): tensor for name, tensor in weights.items()})
    return model.eval()


def real_rows(x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """The rows of x [B, S, …] that are no padding."""
    return x[torch.arange(x.shape[1]) < lengths[:, None]]


def test_predictions_are_those_of_the_released_code(model, released):
    concepts, lengths = released["train.concepts"], released["train.lengths"]
    prediction = model.predict(concepts, lengths)
    expected = real_rows(released["train.prediction_denormalized"], lengths)
    torch.testing.assert_close(real_rows(prediction, lengths), expected, atol=1e-5, rtol=0)
    normalized = real_rows(model.normalizer(prediction), lengths)
    torch.testing.assert_close(normalized, real_rows(released["train.prediction"], lengths), atol=1e-5, rtol=0)


def test_the_loss_is_the_released_sum_over_the_released_targets(model, released):
    concepts, lengths = released["train.concepts"], released["train.lengths"]
    error = model.squared_error(concepts, lengths)
    torch.testing.assert_close(error, released["train.squared_error"], atol=1e-4, rtol=1e-6)
    terms = model(ConceptBatch(concepts, lengths, torch.arange(3), torch.zeros(3, dtype=torch.int64)))
    assert terms.num_targets == 9
    assert terms.total.item() == pytest.approx(305.2630615234375, rel=1e-6)  # rmse False, reduction sum


def test_generation_continues_ragged_prompts_as_the_released_code_does(model, released):
    prompts, lengths = released["generation.prompts"], released["generation.prompt_lengths"]
    state = model.prefill(prompts, lengths)
    new = torch.stack([model.step(state) for _ in range(3)], 1)
    for row, length in enumerate(lengths.tolist()):
        expected = released["generation.sequences"][row, length : length + 3]
        torch.testing.assert_close(new[row], expected, atol=5e-6, rtol=0)


def test_steps_with_a_cache_equal_full_passes_one_document_at_a_time(model):
    prompts, lengths = torch.randn(4, 6, 16, generator=torch.Generator().manual_seed(0)), torch.tensor([6, 1, 3, 4])
    state = model.prefill(prompts, lengths)
    together = torch.stack([model.step(state) for _ in range(9)], 1)  # past every capacity, so that the cache grows
    for row, length in enumerate(lengths.tolist()):
        document = prompts[row, :length]
        for _ in range(9):
            new = model.predict(document[None], torch.tensor([len(document)]))[0, -1:]
            document = torch.cat([document, new.detach()])
        torch.testing.assert_close(together[row], document[length:], atol=1e-5, rtol=0)


def test_documents_that_leave_the_batch_do_not_change_the_others(model):
    prompts = torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([5, 2, 3])
    whole, part = model.prefill(prompts, lengths), model.prefill(prompts, lengths)
    kept = torch.tensor([2, 1])
    model.step(whole)
    model.step(part)
    part = part.select(kept)
    for _ in range(4):
        torch.testing.assert_close(model.step(part), model.step(whole)[kept], atol=1e-5, rtol=1e-5)


def test_padding_and_later_sentences_change_nothing(model):
    concepts = torch.randn(2, 6, 16, generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([6, 4])
    changed = concepts.clone()
    changed[1, 4:] = 100.0  # padding
    changed[0, 5] = -3.0  # the last sentence: seen by its own row alone
    before, after = model.predict(concepts, lengths), model.predict(changed, lengths)
    torch.testing.assert_close(after[1], before[1], atol=0, rtol=0)
    torch.testing.assert_close(after[0, :5], before[0, :5], atol=1e-6, rtol=0)


def test_a_batch_of_single_sentences_has_no_target(model):
    batch = ConceptBatch(
        torch.randn(2, 1, 16), torch.ones(2, dtype=torch.int64), torch.arange(2), torch.zeros(2).long()
    )
    terms = model(batch)
    assert terms.num_targets == 0
    assert terms.total.item() == 0


def test_the_parameter_counts_are_the_released_ones():
    """Built without memory; the count of the released 1.6B architecture, at SONAR's E = 1024."""
    with torch.device("meta"):
        model = create_model("base", "1_6b")
    assert sum(p.numel() for p in model.parameters()) == 1_649_185_792


def test_the_mean_is_all_that_regression_can_learn():
    """Two equally likely successors of one context: the prediction goes to their mean, near neither."""
    torch.manual_seed(0)
    model = create_model("base", "tiny", concept_dim=4, model_dim=32, num_heads=2, num_layers=1, dropout=0.0)
    first, modes = torch.zeros(4), torch.tensor([[1.0, 1, -1, 0], [-1, 1, 1, 0]])
    documents = torch.stack([torch.stack([first, mode]) for mode in modes])
    batch = ConceptBatch(documents, torch.tensor([2, 2]), torch.arange(2), torch.zeros(2).long())
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(200):
        optimizer.zero_grad()
        terms = model(batch)
        (terms.total / terms.num_targets).backward()
        optimizer.step()
    prediction = model.predict(documents[:, :1], torch.tensor([1, 1]))[0, 0]
    torch.testing.assert_close(prediction, modes.mean(0), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("concepts", "lengths", "said"),
    [
        (torch.zeros(1, 2, 8), torch.tensor([2]), r"\[B, S, 16\]"),
        (torch.zeros(1, 65, 16), torch.tensor([65]), "max_len = 64"),
        (torch.zeros(2, 3, 16), torch.tensor([0, 3]), "between 1 and S = 3"),
        (torch.zeros(2, 3, 16), torch.tensor([4, 3]), "between 1 and S = 3"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(model, concepts, lengths, said):
    with pytest.raises(ModelError, match=said):
        model.predict(concepts, lengths)
    with pytest.raises(ModelError, match=said):
        model.prefill(concepts, lengths)


def test_a_document_that_grows_over_the_maximum_is_refused():
    model = BaseLCM(BaseConfig(concept_dim=4, model_dim=16, num_heads=2, num_layers=1, max_len=3))
    state = model.prefill(torch.zeros(1, 2, 4), torch.tensor([2]))
    model.step(state)
    model.step(state)
    with pytest.raises(ModelError, match="max_len = 3"):
        model.step(state)


def test_the_config_is_checked_and_cannot_be_changed():
    config = BaseConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.num_layers = 3  # type: ignore[misc]
    with pytest.raises(ModelError, match="multiple of 2 · num_heads = 6"):
        BaseConfig(model_dim=32, num_heads=3)
    with pytest.raises(ModelError, match=r"num_layer.*num_layers"):
        create_model("base", "tiny", num_layer=3)
    with pytest.raises(ModelError, match="no architecture 'huge'"):
        create_model("base", "huge")
    with pytest.raises(ModelError, match="Unknown model family 'bas'"):
        create_model("bas")

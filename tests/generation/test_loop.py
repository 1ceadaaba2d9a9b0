"""When an answer ends, and that documents of a batch do not touch each other. The model recites what it is given."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from lcm.generation import GenerationError, Stopping, continue_documents
from lcm.models import BaseConfig, BaseLCM

E = 6
BASIS = torch.eye(E)
END = BASIS[0]


@dataclass
class Place:
    """Which rows are left, and how far they are."""

    rows: Tensor
    index: int = 0

    def select(self, rows: Tensor) -> Place:
        return Place(self.rows[rows], self.index)


class Reciting(torch.nn.Module):
    """Answers row b with the script's row b."""

    def __init__(self, script: Tensor) -> None:
        super().__init__()
        self.script = script
        self.steps: list[int] = []

    def prefill(self, prompts: Tensor, lengths: Tensor) -> Place:
        return Place(torch.arange(len(prompts)))

    def step(self, state: Place, sampler: object = None, rngs: object = None) -> Tensor:
        self.steps.append(len(state.rows))
        state.index += 1
        return self.script[state.rows, state.index - 1]


def recite(
    *scripts: list[Tensor], last_of_prompt: Tensor = BASIS[5], **rules: float
) -> tuple[list[list[str]], Reciting]:
    """Each answer as basis numbers, its reason at the end."""
    longest = max(len(script) for script in scripts)
    padded = torch.stack([torch.stack(script + [BASIS[5]] * (longest - len(script))) for script in scripts])
    model = Reciting(padded)
    prompts = last_of_prompt.expand(len(scripts), 1, E)
    answers: list[list[str]] = [[] for _ in scripts]
    stopping = Stopping(**{"max_sentences": longest, **rules})  # type: ignore[arg-type]
    lengths = torch.ones(len(scripts), dtype=torch.int64)
    for known in continue_documents(model, prompts, lengths, END, stopping):  # type: ignore[arg-type]
        for new in known:
            assert new.index == len(answers[new.row])
            answers[new.row].append(str(int(new.concept.argmax())))
            if new.stop_reason:
                answers[new.row].append(new.stop_reason.value)
    return answers, model


def test_the_end_of_text_ends_the_answer_and_is_not_part_of_it():
    (answer,), model = recite([BASIS[1], BASIS[2], END, BASIS[3]])
    assert answer == ["1", "2", "end_of_text"]
    assert model.steps == [1, 1, 1]


def test_a_repetition_ends_the_answer_and_is_not_part_of_it():
    (answer,), _ = recite([BASIS[1], BASIS[2], 3 * BASIS[2] + 0.1 * BASIS[4], BASIS[3]])
    assert answer == ["1", "2", "repetition"]


def test_the_length_ends_the_answer_with_its_last_sentence():
    (answer,), model = recite([BASIS[1], BASIS[2], BASIS[1]])
    assert answer == ["1", "2", "1", "length"]
    assert model.steps == [1, 1, 1]


def test_thresholds_count_from_their_value_on():
    near = 0.9 * BASIS[2] + (1 - 0.81) ** 0.5 * BASIS[3]
    script = [BASIS[2], near, BASIS[1]]
    assert recite(script, repetition=0.8999)[0][0] == ["2", "repetition"]
    assert recite(script, repetition=0.9001)[0][0] == ["2", "2", "1", "length"]


def test_nothing_ends_an_answer_before_its_minimum():
    assert recite([END, BASIS[1], END])[0][0] == ["0", "1", "end_of_text"]
    assert recite([BASIS[1], END, BASIS[2], END], min_sentences=3)[0][0] == ["1", "0", "2", "end_of_text"]
    assert recite([END, BASIS[1]], min_sentences=0)[0][0] == []
    assert recite([BASIS[5], BASIS[1]])[0][0] == ["5", "1", "length"]  # repeats the prompt's last, but is the first
    assert recite([BASIS[5], BASIS[1]], min_sentences=0)[0][0] == []


def test_documents_of_a_batch_end_on_their_own_and_leave_it():
    scripts = [
        [BASIS[1], END],
        [BASIS[1], BASIS[2], BASIS[3], BASIS[4]],
        [BASIS[2], BASIS[3], BASIS[3]],
    ]
    answers, model = recite(*scripts)
    assert answers == [["1", "end_of_text"], ["1", "2", "3", "4", "length"], ["2", "3", "repetition"]]
    assert model.steps == [3, 3, 2, 1]


def test_a_batch_of_ragged_prompts_is_answered_as_one_by_one():
    torch.manual_seed(0)
    model = BaseLCM(BaseConfig(concept_dim=E, model_dim=32, num_heads=2, num_layers=2)).eval()
    prompts, lengths = torch.randn(3, 5, E), torch.tensor([5, 1, 3])
    stopping = Stopping(max_sentences=6, end_of_text=0.7, repetition=0.97)
    together = [new for known in continue_documents(model, prompts, lengths, END, stopping) for new in known]
    for row, length in enumerate(lengths.tolist()):
        alone = continue_documents(model, prompts[row : row + 1, :length], lengths[row : row + 1], END, stopping)
        expected = [new for known in alone for new in known]
        found = [new for new in together if new.row == row]
        assert [new.stop_reason for new in found] == [new.stop_reason for new in expected]
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one.concept, other.concept, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("most", "least"), [(0, 0), (2, 3), (2, -1)])
def test_impossible_lengths_are_refused(most, least):
    with pytest.raises(GenerationError, match="sentences must be at least 1"):
        Stopping(max_sentences=most, min_sentences=least)

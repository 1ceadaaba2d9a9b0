"""The autoregressive loop over concepts, and when a document ends. Letters: B documents, S sentences, E concept size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from lcm.errors import LCMError
from lcm.models import ConceptModel, Sampler


class GenerationError(LCMError):
    """A request that cannot be answered."""


class StopReason(str, Enum):
    """Why an answer ends."""

    END_OF_TEXT = "end_of_text"
    """The next concept would have been the end of text."""
    REPETITION = "repetition"
    """The next concept would have repeated the one before."""
    LENGTH = "length"
    """The answer has as many sentences as were asked for."""


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """When an answer ends. Cosines are between raw concepts. Neither the end of text nor a repetition is part of it."""

    max_sentences: int
    """The longest answer."""

    min_sentences: int = 1
    """The shortest: the concept after so many is the first that can end it."""

    end_of_text: float = 0.9
    """A concept with at least this cosine to the end of text ends the answer."""

    repetition: float = 0.9
    """So does one with at least this cosine to the concept before (of the first: the prompt's last)."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_sentences <= self.max_sentences or self.max_sentences < 1:
            raise GenerationError(
                f"sentences must be at least 1 and at least min_sentences = {self.min_sentences}, "
                f"but is {self.max_sentences}."
            )

    def reasons(self, index: int, concepts: Tensor, previous: Tensor, end_of_text: Tensor) -> list[StopReason | None]:
        """For new concepts [B, E], the `index`-th of their answers (from 0): what ends each, or None."""
        if index < self.min_sentences:
            return [None] * len(concepts)
        ends = cosine_similarity(concepts, end_of_text[None]) >= self.end_of_text
        repeats = cosine_similarity(concepts, previous) >= self.repetition
        return [
            StopReason.END_OF_TEXT if end else StopReason.REPETITION if repeat else None
            for end, repeat in zip(ends.tolist(), repeats.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class NewConcept:
    """One concept of an answer."""

    row: int
    """Which prompt it answers."""

    index: int
    """Its place in the answer, from 0."""

    concept: Tensor
    """[E], raw."""

    stop_reason: StopReason | None
    """Set on an answer's last concept alone."""


def continue_documents(
    model: ConceptModel,
    prompts: Tensor,
    lengths: Tensor,
    end_of_text: Tensor,
    stopping: Stopping,
    sampler: Sampler | None = None,
    rngs: Sequence[torch.Generator] | None = None,
) -> Iterator[list[NewConcept]]:
    """Raw prompts [B, S, E] of lengths [B], padded at the right → the new concepts as they come.

    A concept comes out once it is known whether it is the last, that is, with the next one. Finished documents leave the
    batch. `sampler` and `rngs`, one generator a prompt, are for models that draw.
    """
    state = model.prefill(prompts, lengths)
    rows = list(range(len(prompts)))
    previous = prompts[torch.arange(len(prompts), device=prompts.device), lengths - 1].float()
    held: dict[int, NewConcept] = {}
    for index in range(stopping.max_sentences):
        concepts = model.step(state, sampler, None if rngs is None else [rngs[row] for row in rows])
        reasons = stopping.reasons(index, concepts, previous, end_of_text)
        known: list[NewConcept] = []
        for row, concept, reason in zip(rows, concepts, reasons, strict=True):
            if row in held:
                known.append(replace(held.pop(row), stop_reason=reason))
            if reason is None:
                held[row] = NewConcept(row, index, concept, None)
        if index + 1 == stopping.max_sentences:
            known += [replace(last, stop_reason=StopReason.LENGTH) for last in held.values()]
        yield known
        going = [place for place, reason in enumerate(reasons) if reason is None]
        if not going:
            return
        previous = concepts
        if len(going) < len(rows):
            places = torch.tensor(going, device=concepts.device)
            state, previous, rows = state.select(places), concepts[places], [rows[place] for place in going]

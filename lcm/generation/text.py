"""From text to text: segment, encode, continue, decode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcm.generation.loop import GenerationError, Stopping, StopReason, continue_documents
from lcm.languages import to_sonar
from lcm.models import CONFIG, ConceptModel, ModelInfo, Sampler, find_model, hub_name, load_model_folder
from lcm.segmentation import open_segmenter
from lcm.sonar import ConceptSpace, open_space

DEFAULT_MODEL = "two_tower_tiny"


@dataclass(frozen=True)
class Generated:
    """One sentence of an answer."""

    index: int
    """Its place in the answer, from 0."""

    text: str

    stop_reason: str | None
    """On the last sentence: `end_of_text`, `repetition` or `length`. Null before."""


class LCM:
    """A concept model with its concept space. What the model itself can do (`predict`, `prefill`, `step`, …) it does too."""

    def __init__(self, model: ConceptModel, info: ModelInfo, space: str | Path | ConceptSpace) -> None:
        self.model = model
        self.info = info
        self._space = space
        if not isinstance(space, str | Path):
            self._check(space)

    def __getattr__(self, name: str) -> Any:
        if name == "model":  # while it is being made
            raise AttributeError(name)
        return getattr(self.model, name)

    @cached_property
    def space(self) -> ConceptSpace:
        """The model's concept space, opened when it is first used."""
        if isinstance(self._space, str | Path):
            device = self.model.normalizer.center.device
            return self._check(open_space(self._space, device=device))
        return self._space

    @cached_property
    def sampler(self) -> Sampler:
        """How its maker would draw from it: the paper's sampler, with what `facts.sampler` of its config.json sets."""
        try:
            return Sampler(**self.info.facts.get("sampler", {}))
        except TypeError as error:
            raise GenerationError(f"{self.info.folder / CONFIG}: facts.sampler: {error}.") from None

    def generate(
        self,
        text: str,
        *,
        sentences: int = 8,
        seed: int = 0,
        lang: str | None = None,
        prompt_lang: str = "en",
        min_sentences: int = 1,
        sampler: Sampler | None = None,
    ) -> Iterator[Generated]:
        """Continue a text, sentence by sentence as they come; at most `sentences`, at least `min_sentences`.

        `lang` is the language of the answer (default: that of the prompt), ISO 639-1 or SONAR's code. The same seed gives
        the same answer. `sampler` is for diffusion models (default: `self.sampler`). Raises GenerationError, at the call, for
        a prompt without a sentence or one too long, and for a sampler that the model has no use for.
        """
        if sampler is not None and not self.model.samples:
            raise GenerationError(
                f"Model '{self.info.name}' is of family {self.info.family}, which draws nothing: leave the sampler out."
            )
        stopping = Stopping(max_sentences=sentences, min_sentences=min_sentences)
        prompt = [sentence.text for sentence in open_segmenter().split(text, prompt_lang)]
        longest = int(self.model.config.max_len) - sentences
        if not 1 <= len(prompt) <= longest:
            raise GenerationError(
                f"The prompt must have between 1 and {longest} sentences, but has {len(prompt)}. "
                f"('{self.info.name}' takes documents of {self.model.config.max_len}, of which {sentences} are the answer.)"
            )
        lang = lang or prompt_lang
        if to_sonar(lang) not in self.space.languages:
            spoken = ", ".join(self.space.languages)
            raise GenerationError(f"Space '{self.space.name}' does not speak '{lang}'. It speaks {spoken}.")
        return self._decode(self.space.encode(prompt, prompt_lang), stopping, sampler or self.sampler, seed, lang)

    def _decode(
        self, prompt: Tensor, stopping: Stopping, sampler: Sampler | None, seed: int, lang: str
    ) -> Iterator[Generated]:
        lengths = torch.tensor([len(prompt)], device=prompt.device)
        rngs = [torch.Generator(prompt.device).manual_seed(seed)]
        answer = continue_documents(self.model, prompt[None], lengths, self.space.end_of_text, stopping, sampler, rngs)
        for new in (concept for known in answer for concept in known):
            (text,) = self.space.decode(new.concept[None], lang)
            yield Generated(new.index, text, _value(new.stop_reason))

    def _check(self, space: ConceptSpace) -> ConceptSpace:
        dim = self.model.config.concept_dim
        if (space.name, space.dim) != (self.info.space, dim):
            raise GenerationError(
                f"Model '{self.info.name}' works in space '{self.info.space}' (E = {dim}), but space '{space.name}' has "
                f"E = {space.dim}. Open '{self.info.space}'."
            )
        learnt_from = self.info.facts.get("encoder")
        if learnt_from is not None and learnt_from != space.encoder_checksum:
            raise GenerationError(
                f"Model '{self.info.name}' was trained on concepts of another encoder named '{space.name}' (checksum "
                f"{learnt_from[:12]}, not {space.encoder_checksum[:12]}). Open the space that it was trained with, or train it again."
            )
        return space


def _value(reason: StopReason | None) -> str | None:
    return None if reason is None else reason.value


def load(
    name: str | Path = DEFAULT_MODEL,
    *,
    space: str | Path | ConceptSpace | None = None,
    device: str | torch.device = "cpu",
) -> LCM:
    """A shipped model by name, a saved model's folder, a training run's, or `hf://owner/name[@revision]`, ready to write.

    Its concept space is opened by the name that the model's config gives, unless `space` gives another place of it.
    Raises ModelError if there is no such model or it is damaged.
    """
    loaded = load_model_folder(find_model(name), device=device)
    info = replace(loaded.info, name=hub_name(name) or loaded.info.name)
    return LCM(loaded.model, info, space or info.space)

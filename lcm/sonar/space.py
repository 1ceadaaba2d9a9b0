"""The concept space: a frozen encoder and decoder between sentences and vectors. Letters: N sentences, E concept size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from fairseq2.data.tokenizers import Tokenizer
from sonar.models.sonar_text import ConditionalTransformerDecoderModel, SonarTextTransformerEncoderModel
from torch import Tensor

from lcm.languages import to_sonar
from lcm.nn import Normalizer
from lcm.sonar import decoding, encoding
from lcm.sonar.assets import find_cards, load_assets
from lcm.sonar.checksum import weights_checksum
from lcm.sonar.decoding import TopP
from lcm.sonar.errors import ConceptSpaceError

END_OF_TEXT = "End of text."


class ConceptSpace:
    """Sentences ⇄ concepts, in several languages.

    name: how the space is called in corpora and checkpoints. dim: E. languages: SONAR codes such as eng_Latn.
    normalizer: fitted on this space's concepts by whoever needs it; None until then.
    """

    def __init__(
        self,
        name: str,
        encoder: SonarTextTransformerEncoderModel,
        decoder: ConditionalTransformerDecoderModel,
        tokenizers: tuple[Tokenizer, Tokenizer],
        languages: Sequence[str],
        dim: int,
    ) -> None:
        self.name = name
        self.dim = dim
        self.languages = tuple(languages)
        self.normalizer: Normalizer | None = None
        self.encoder = encoder.eval().requires_grad_(False)
        self.decoder = decoder.eval().requires_grad_(False)
        if self.device.type == "cpu" and torch.backends.mkldnn.is_available():
            encoding.pack(self.encoder)
        self.tokenizers = tokenizers  # of the encoder and of the decoder

    @property
    def device(self) -> torch.device:
        """Where it computes, and where its concepts are."""
        return next(self.decoder.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in; concepts are float32 whatever this is."""
        return next(self.decoder.parameters()).dtype

    @property
    def max_tokens(self) -> int:
        """The longest sentence that the decoder writes, in tokens; two language marks and the end mark count."""
        return self.decoder.max_target_seq_len

    @cached_property
    def end_of_text(self) -> Tensor:
        """[E], the concept that closes every document: "End of text." in English, whatever the document's language."""
        return self.encode([END_OF_TEXT], "eng_Latn")[0]

    @cached_property
    def encoder_checksum(self) -> str:
        """SHA-256 of the encoder's weights: tells spaces of one name, but other concepts, apart."""
        return weights_checksum(self.encoder)

    def encode(self, sentences: Sequence[str], lang: str, *, batch_tokens: int = 1024) -> Tensor:
        """Sentences → concepts [N, E], float32 on the space's device, in order; each distinct sentence is encoded once.

        `lang` is ISO 639-1 or SONAR's code. A batch holds at most `batch_tokens` tokens, padding included. A sentence
        longer than the encoder takes is cut, and one warning counts them. Raises ConceptSpaceError for an empty
        sentence and for a language that the space does not speak.
        """
        language = self._language(lang)
        if isinstance(sentences, str):
            raise ConceptSpaceError("encode takes a list of sentences, but got one string. Put it in a list.")
        if not sentences:
            return torch.zeros(0, self.dim, device=self.device)
        concepts = encoding.encode(sentences, self.encoder, self.tokenizers[0], language, batch_tokens)
        return concepts.float().clone()  # out of inference mode, so that models can be trained on it

    def decode(
        self,
        concepts: Tensor,
        lang: str,
        *,
        beam_size: int = 1,
        sampler: TopP | None = None,
        max_tokens: int | None = None,
    ) -> list[str]:
        """Concepts [N, E] → N sentences in `lang`: greedy, by beam search, or drawn by a sampler.

        A sentence ends after `max_tokens` tokens (default: what the decoder was made for) at the latest. Raises
        ConceptSpaceError for a wrong shape, a concept that is not finite and a language that the space does not speak.
        """
        language = self._language(lang)
        self._check(concepts)
        if beam_size < 1 or (sampler is not None and beam_size != 1):
            raise ConceptSpaceError(
                f"beam_size must be at least 1, and 1 with a sampler, but is {beam_size}. Use one or the other."
            )
        max_tokens = self.max_tokens if max_tokens is None else max_tokens
        if not 4 <= max_tokens <= self.max_tokens:
            raise ConceptSpaceError(f"max_tokens must be between 4 and {self.max_tokens}, but is {max_tokens}.")
        prefix = self.tokenizers[1].create_encoder(lang=language, mode="target").prefix_indices
        assert prefix is not None  # </s> __lang__, in every NLLB tokenizer
        read = self.tokenizers[1].create_decoder()
        tokens = decoding.decode(
            concepts.detach().to(self.device, self.dtype),
            self.decoder, self.tokenizers[1].vocab_info, prefix.to(self.device),
            beam_size=beam_size, sampler=sampler, max_tokens=max_tokens,
        )  # fmt: skip
        return [read(ids) for ids in tokens]

    def roundtrip(self, sentences: Sequence[str], lang: str, to: str | None = None) -> list[str]:
        """What is left of sentences after encoding and greedy decoding, in the language `to` (default: the same)."""
        return self.decode(self.encode(sentences, lang), to or lang)

    def _language(self, lang: str) -> str:
        language = to_sonar(lang)
        if language not in self.languages:
            known = ", ".join(self.languages) if len(self.languages) <= 12 else f"{len(self.languages)} others"
            raise ConceptSpaceError(f"Space '{self.name}' does not speak '{lang}'. It speaks {known}.")
        return language

    def _check(self, concepts: Tensor) -> None:
        if concepts.ndim != 2 or concepts.shape[1] != self.dim:
            raise ConceptSpaceError(
                f"Concepts of space '{self.name}' have shape [N, {self.dim}], but these have {list(concepts.shape)}. "
                f"Decode them in the space that they were encoded in."
            )
        finite = concepts.isfinite().all(1)
        if not finite.all():
            row = int((~finite).nonzero()[0])
            raise ConceptSpaceError(f"Concept {row} is not finite. Look where it comes from; it cannot be decoded.")


def open_space(
    name: str | Path, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> ConceptSpace:
    """The space of that name, or the one that a folder holds (`save_space` writes such a folder).

    `sonar_mini` ships with this package; `sonar_basic` is SONAR itself, E = 1024 and 202 languages, downloaded by fairseq2
    on first use; asset cards `<name>_encoder` and `<name>_decoder` in fairseq2's asset folders are found as well.
    `device` and `dtype` are what it computes with. Raises ConceptSpaceError for an unknown name, a failed download, and
    damaged cards or weights.
    """
    cards = find_cards(name)
    assets = load_assets(cards, _device(device), dtype)
    return ConceptSpace(cards.name, assets.encoder, assets.decoder, assets.tokenizers, assets.languages, assets.dim)


def _device(device: str | torch.device) -> torch.device:
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConceptSpaceError(f"Device '{device}' cannot be used here ({reason}). Use cpu, cuda or cuda:1.") from None
    return chosen

"""The train and validation units of the small SONAR."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from copy import deepcopy

import torch
from fairseq2.data.tokenizers import Tokenizer
from fairseq2.evaluator import EvalUnit
from fairseq2.metrics import Mean, MetricBag
from fairseq2.trainer import TrainUnit
from sacrebleu.metrics import BLEU
from torch import Tensor, nn

from lcm.sonar import ConceptSpace
from lcm.training.sonar_corpus import Group
from lcm.training.sonar_model import SonarAutoencoder, TranslationBatch


class SonarTrainUnit(TrainUnit[TranslationBatch]):
    """Cross-entropy of a sentence, or of its translation, given its noised concept.

    The noise (standard deviations of the concept) rises linearly from `noise_from` to `noise_full` steps; a decoder
    trained so is far more robust (paper §2.1), and a concept model's output is a noisy vector.
    """

    def __init__(
        self,
        model: nn.Module,
        inner: SonarAutoencoder,
        *,
        noise: float,
        noise_from: int,
        noise_full: int,
        seed: int,
        rank: int,
    ) -> None:
        self._model, self._inner = model, inner
        self._noise, self._noise_from, self._noise_full = noise, noise_from, noise_full
        self._seed, self._rank = seed, rank
        self._rng = torch.Generator()

    def prepare_metric_bag(self, metric_bag: MetricBag) -> None:
        """loss: nats a token"""
        metric_bag.add("loss", Mean())

    def set_step_nr(self, step_nr: int) -> None:
        """Noise is keyed to (seed, step, rank), so that a resumed run draws the same."""
        self._rng.manual_seed((self._seed * 1_000_003 + step_nr) * 4099 + self._rank)
        share = (step_nr - self._noise_from) / max(1, self._noise_full - self._noise_from)
        self._inner.noise = self._noise * min(1.0, max(0.0, share))

    def process_batch(self, batch: TranslationBatch, metric_bag: MetricBag) -> tuple[Tensor, int]:
        """Sum of the loss and the number of tokens."""
        loss, count = self._model(batch, self._rng)
        metric_bag.get("loss", Mean).update(loss.detach() / count, weight=count)
        return loss, int(count)


class SonarValidUnit(EvalUnit[TranslationBatch]):
    """On held-out sentences, without noise: cross-entropy, and what encoding and greedy decoding gives back of some.

    bleu: sacreBLEU's corpus BLEU (13a). exact: the share that comes back unchanged. Both are over every language that a
    sentence is given in, each decoded in its own.
    """

    def __init__(
        self, model: SonarAutoencoder, name: str, tokenizer: Tokenizer, langs: Sequence[str], sentences: Sequence[Group]
    ) -> None:
        self._model, self._name, self._tokenizer, self._langs = model, name, tokenizer, langs
        self._by_lang = {lang: [group[lang] for group in sentences if lang in group] for lang in langs}

    def prepare_metric_bag(self, metric_bag: MetricBag) -> None:
        """loss: nats a token"""
        metric_bag.add("loss", Mean())

    def process_batch(self, batch: TranslationBatch, metric_bag: MetricBag) -> None:
        """Adds the batch's tokens to the mean."""
        loss, count = self._model(batch)
        metric_bag.get("loss", Mean).update(loss / count, weight=count)

    def process_metric_values(self, values: MutableMapping[str, object]) -> None:
        """Adds the reconstruction."""
        encoder, decoder = deepcopy(self._model.encoder), deepcopy(self._model.decoder)  # a space packs its weights
        tokenizers = self._tokenizer, self._tokenizer
        space = ConceptSpace(self._name, encoder, decoder, tokenizers, self._langs, self._model.dim)
        outputs: list[str] = []
        references: list[str] = []
        for lang, sentences in self._by_lang.items():
            references += sentences
            outputs += space.roundtrip(sentences, lang)
        if references:
            values["bleu"] = BLEU(tokenize="13a").corpus_score(outputs, [references]).score
            values["exact"] = sum(a == b for a, b in zip(outputs, references, strict=True)) / len(references)

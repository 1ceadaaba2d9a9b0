"""Training a small SONAR from text: vocabulary, tokens, training, the finished concept space."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from fairseq2.models.nllb import NllbTokenizerConfig, load_nllb_tokenizer

from lcm.languages import to_sonar
from lcm.sonar import save_space
from lcm.training.checkpoints import newest_step
from lcm.training.errors import TrainingError
from lcm.training.gangs import create_gangs, wrap_for_gangs
from lcm.training.optimizers import OptimizerConfig, make_optimizer, make_schedule
from lcm.training.sonar_corpus import (
    BatchConfig,
    CorpusError,
    Group,
    TranslationReader,
    read_groups,
    tokenize,
)
from lcm.training.sonar_model import (
    SonarAutoencoder,
    SonarModelConfig,
    TranslationBatch,
    decoder_config,
    encoder_config,
)
from lcm.training.sonar_unit import SonarTrainUnit, SonarValidUnit
from lcm.training.trainer import Job, ListReader, TrainerConfig, train
from lcm.training.vocabulary import carry_embedding, sample_for_vocabulary, train_vocabulary

log = logging.getLogger("lcm.training")


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """What to learn from."""

    path: str
    """JSONL(.gz), .txt, or a folder of them; aligned text holds `sentences` as an object by language."""
    lang: str = "en"
    """Language of rows that name none."""
    weight: float = 1.0
    """Share of the groups of a chunk drawn from here."""
    most_repeats: int = 20
    """A sentence is drawn as often as it occurs, up to so many times: else what has few forms is hardly ever seen."""


@dataclass(frozen=True, kw_only=True)
class SonarRunConfig:
    """One training run of a small SONAR."""

    name: str = "sonar_mini"
    """Name of the concept space."""
    run_dir: str
    """Vocabulary, checkpoints, metrics, and at the end the space (in `space/`)."""
    langs: list[str] = field(default_factory=lambda: ["en", "fr", "es", "de"])
    """The space's languages, in the order of their ids; never reorder those of a space that is in use."""
    texts: list[TextConfig]
    valid: list[TextConfig]
    """Held-out text for the validation loss."""
    vocabulary_size: int = 6000
    vocabulary_sample: int = 200_000
    """Groups of each text that the vocabulary is trained on."""
    noise: float = 0.3
    """Noise on the concept: each sentence draws its level from U(0, noise) standard deviations."""
    noise_from: float = 0.1
    noise_full: float = 0.4
    """Shares of the run between which the noise rises."""
    init_from: str | None = None
    """A space's folder to take weights and vocabulary from; the optimiser starts afresh."""
    new_vocabulary: bool = False
    """With `init_from`: make a vocabulary of these texts instead; pieces that both hold keep their embeddings."""
    train_encoder: bool = True
    """False: the concepts stay what `init_from` made of them, and with them every corpus and concept model; the decoder
    alone learns, as when SONAR's was made robust to noise (paper §2.1)."""
    reconstruct: int = 400
    """Held-out sentences that each validation encodes and decodes, for BLEU and the exact share."""
    model: SonarModelConfig = field(default_factory=SonarModelConfig)
    batches: BatchConfig = field(default_factory=BatchConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)


def run_sonar(config: SonarRunConfig) -> Path:
    """Train, going on from what `run_dir` holds; the folder of the finished space, for `lcm.open_space`."""
    if not config.train_encoder and (config.init_from is None or config.new_vocabulary):
        raise TrainingError("train_encoder=false needs a trained encoder: give init_from, and keep its vocabulary.")
    gangs = create_gangs(config.trainer.parallel, config.trainer.precision)
    folder = Path(config.run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    langs = [to_sonar(code) for code in config.langs]
    corpora = [read_groups(Path(text.path), text.lang, text.most_repeats) for text in config.texts]
    held_out = [group for text in config.valid for group in read_groups(Path(text.path), text.lang)]
    vocabulary = folder / "vocabulary.model"
    if config.init_from is not None:
        source = Path(config.init_from) / f"{config.name}.model"
        if not source.exists():
            raise CorpusError(f"{source}: missing. init_from must be a folder that this recipe wrote.")
        if not config.new_vocabulary and not vocabulary.exists():
            vocabulary.write_bytes(source.read_bytes())
    if gangs.root.rank == 0 and not vocabulary.exists():
        sample = sample_for_vocabulary(corpora, config.vocabulary_sample, config.trainer.seed)
        train_vocabulary(sample, config.vocabulary_size, folder / "new").rename(vocabulary)
    gangs.root.barrier()

    tokenizer = load_nllb_tokenizer(vocabulary, NllbTokenizerConfig(langs=langs, default_lang=langs[0]))
    torch.manual_seed(config.trainer.seed)
    model = SonarAutoencoder(config.model, tokenizer.vocab_info)
    if config.init_from is not None and newest_step(folder) is None:
        _take_weights(model, Path(config.init_from), config.name, vocabulary)
    model.encoder.requires_grad_(config.train_encoder)
    wrapped = wrap_for_gangs(model.to(gangs.device), gangs)

    weights = [text.weight for text in config.texts]
    reader = TranslationReader(
        [tokenize(groups, vocabulary, langs) for groups in corpora], [w / sum(weights) for w in weights], vocabulary,
        langs, config.batches, seed=config.trainer.seed, rank=gangs.dp.rank, world_size=gangs.dp.size,
    )  # fmt: skip
    steps = config.trainer.max_steps
    optimizer = make_optimizer(wrapped, config.optimizer, float32=config.trainer.precision == "float32")
    job = Job(
        model=wrapped,
        unit=SonarTrainUnit(
            wrapped, model, noise=config.noise, noise_from=round(config.noise_from * steps),
            noise_full=round(config.noise_full * steps), seed=config.trainer.seed, rank=gangs.dp.rank,
        ),
        reader=reader,
        optimizer=optimizer,
        schedule=make_schedule(optimizer, config.optimizer, steps),
        gangs=gangs,
        valid=(
            SonarValidUnit(model, config.name, tokenizer, langs, held_out[: config.reconstruct]),
            ListReader(_held_out_batches(held_out, vocabulary, langs, config)),
        ),
        metrics=("loss", "bleu", "exact"),
    )  # fmt: skip
    train(job, config, folder)
    space = folder / "space"
    if gangs.root.rank == 0:
        save_space(
            space, config.name, encoder=model.encoder, decoder=model.decoder, tokenizer=vocabulary, languages=langs,
            encoder_config=encoder_config(config.model, tokenizer.vocab_info),
            decoder_config=decoder_config(config.model, tokenizer.vocab_info),
        )  # fmt: skip
        log.info("The concept space is in %s: lcm roundtrip FILE --space %s", space, space)
    return space


def _take_weights(model: SonarAutoencoder, folder: Path, name: str, vocabulary: Path) -> None:
    """Weights of a space's folder; embeddings are carried over to `vocabulary`, which may be the same."""
    for part in ("encoder", "decoder"):
        state = torch.load(folder / f"{name}_{part}.pt", weights_only=True)["model"]
        for key, value in state.items():
            embeds = key.endswith(("embed.weight", "final_proj.weight"))
            state[key] = (
                carry_embedding(value.float(), folder / f"{name}.model", vocabulary) if embeds else value.float()
            )
        getattr(model, part).load_state_dict(state)


def _held_out_batches(
    groups: list[Group], vocabulary: Path, langs: list[str], config: SonarRunConfig
) -> list[TranslationBatch]:
    """All held-out groups once, at the last length limit."""
    batches = replace(config.batches, chunk=len(groups), curriculum_steps=0)
    reader = TranslationReader([tokenize(groups, vocabulary, langs)], [1.0], vocabulary, langs, batches, seed=0)
    return [next(reader)[0] for _ in range(reader.batches_in_chunk)]

"""A concept space on disk: asset cards, fp16 weights and tokenizer, in one folder that fairseq2 reads.

<name>.yaml         two cards, <name>_encoder and <name>_decoder; paths relative to this file
<name>_encoder.pt   {"model": state dict} of sonar-space's text encoder, fp16
<name>_decoder.pt   the same of the decoder
<name>.model        sentencepiece vocabulary, unk/bos/eos = 0/1/2 and no pad (NLLB's format)
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

import torch
from fairseq2.assets import (
    AssetCard,
    AssetCardError,
    AssetDownloadError,
    AssetMetadataError,
    AssetMetadataFileLoader,
    AssetStore,
    CachedAssetMetadataProvider,
    StandardAssetStore,
    get_asset_store,
)
from fairseq2.data.tokenizers import Tokenizer
from fairseq2.error import OperationalError
from fairseq2.models.nllb import get_nllb_tokenizer_hub
from fairseq2.runtime.dependency import get_dependency_resolver
from ruamel.yaml import YAML
from sonar.models.sonar_text import (
    SONAR_TEXT_DECODER_FAMILY,
    SONAR_TEXT_ENCODER_FAMILY,
    ConditionalTransformerDecoderModel,
    SonarTextDecoderConfig,
    SonarTextEncoderConfig,
    SonarTextTransformerEncoderModel,
    get_sonar_text_decoder_hub,
    get_sonar_text_encoder_hub,
)
from torch import Tensor, nn

from lcm.files import replacing
from lcm.sonar.errors import ConceptSpaceError

_TIMEOUT = 20  # seconds without an answer; urlopen itself would wait for ever
_SHIPPED = "sonar_mini"


def save_space(
    folder: str | Path,
    name: str,
    *,
    encoder: nn.Module,
    decoder: nn.Module,
    encoder_config: SonarTextEncoderConfig,
    decoder_config: SonarTextDecoderConfig,
    tokenizer: str | Path,
    languages: Sequence[str],
) -> None:
    """Write sonar-space's encoder and decoder as a space that `open_space(folder)` opens.

    `tokenizer` is the sentencepiece file; `languages` are SONAR codes in the order that they were trained in (token ids
    follow it), the first the default. Each file appears whole or not at all, the cards last. Raises ConceptSpaceError if
    a weight is not finite in fp16.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for part, model in (("encoder", encoder), ("decoder", decoder)):
        state = _fp16_state(model, f"{name}_{part}")
        with replacing(folder / f"{name}_{part}.pt") as path:
            torch.save({"model": state}, path)
    if Path(tokenizer).resolve() != (folder / f"{name}.model").resolve():
        with replacing(folder / f"{name}.model") as path:
            shutil.copyfile(tokenizer, path)
    shared = {
        "tokenizer": f"{name}.model",
        "tokenizer_family": "nllb",
        "tokenizer_config": {"_set_": {"default_lang": languages[0], "langs": list(languages)}},
    }
    cards = [
        # Every field is set, so the architecture is only a place to start from; the encoder has none that is smaller.
        _card(f"{name}_encoder", SONAR_TEXT_ENCODER_FAMILY, "basic", encoder_config) | shared,
        _card(f"{name}_decoder", SONAR_TEXT_DECODER_FAMILY, "toy", decoder_config) | shared,
    ]
    yaml = YAML(typ="safe", pure=True)
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    with replacing(folder / f"{name}.yaml") as path:
        yaml.dump_all(cards, path)


@dataclasses.dataclass(frozen=True)
class SpaceCards:
    """The two asset cards of a space."""

    name: str
    encoder: AssetCard
    decoder: AssetCard


@dataclasses.dataclass(frozen=True)
class SpaceAssets:
    """What the cards name, loaded; E is `dim`."""

    encoder: SonarTextTransformerEncoderModel
    decoder: ConditionalTransformerDecoderModel
    tokenizers: tuple[Tokenizer, Tokenizer]
    languages: list[str]
    dim: int


def find_cards(name: str | Path) -> SpaceCards:
    """The cards of a space by its name or folder. Raises ConceptSpaceError."""
    if isinstance(name, Path) or os.sep in name:
        return _cards_in(Path(name))
    with _explained(f"Space '{name}'"):
        store = get_asset_store()
    for stem in (name, f"text_{name}"):  # sonar-space calls its own text_sonar_basic_encoder
        encoder, decoder = (store.maybe_retrieve_card(f"{stem}_{part}") for part in ("encoder", "decoder"))
        if encoder and decoder:
            return SpaceCards(name, encoder, decoder)
    if Path(name).is_dir():
        return _cards_in(Path(name))
    known = [space.removeprefix("text_") for space in _names(store)]
    raise ConceptSpaceError(
        f"Unknown space '{name}'. Known: {', '.join(known)}, or the path of a folder that lcm.sonar.save_space wrote."
    )


def load_assets(cards: SpaceCards, device: torch.device, dtype: torch.dtype) -> SpaceAssets:
    """Load models and tokenizers, downloading what is not there yet. Raises ConceptSpaceError."""
    encoders, decoders, tokenizers = (
        get_sonar_text_encoder_hub(),
        get_sonar_text_decoder_hub(),
        get_nllb_tokenizer_hub(),
    )
    with _explained(f"Space '{cards.name}', {_file(cards.encoder, 'checkpoint')}"):
        encoder_config = encoders.get_model_config(cards.encoder)
        encoder = encoders.load_model(cards.encoder, device=device, dtype=dtype)
    with _explained(f"Space '{cards.name}', {_file(cards.decoder, 'checkpoint')}"):
        decoder_config = decoders.get_model_config(cards.decoder)
        decoder = decoders.load_model(cards.decoder, device=device, dtype=dtype)
    with _explained(f"Space '{cards.name}', {_file(cards.encoder, 'tokenizer')}"):
        source = target = tokenizers.load_tokenizer(cards.encoder)
        source_langs = target_langs = tokenizers.get_tokenizer_config(cards.encoder).langs
        if any(cards.encoder.metadata[key] != cards.decoder.metadata[key] for key in ("tokenizer", "tokenizer_config")):
            target = tokenizers.load_tokenizer(cards.decoder)
            target_langs = tokenizers.get_tokenizer_config(cards.decoder).langs
    dim = encoder_config.embedding_dim or encoder_config.model_dim
    taken = decoder_config.input_dim or decoder_config.model_dim
    if dim != taken:
        raise ConceptSpaceError(
            f"Space '{cards.name}': the encoder gives E = {dim}, but the decoder takes {taken}. They are no pair."
        )
    languages = [language for language in source_langs if language in target_langs]
    return SpaceAssets(encoder, decoder, (source, target), languages, dim)


def _cards_in(folder: Path) -> SpaceCards:
    """The one pair of cards in a folder's own YAML files."""
    if not folder.is_dir():
        raise ConceptSpaceError(f"{folder}: no such folder. Give the name of a space or a folder that holds one.")
    cards: dict[str, dict[str, object]] = {}
    with _explained(str(folder)):
        loader = get_dependency_resolver().resolve(AssetMetadataFileLoader)
        for file in sorted(folder.resolve().glob("*.yaml")):
            if b"model_family" in file.read_bytes():  # a run's configuration may lie beside the cards
                cards.update(loader.load(file, str(folder)))
        store = StandardAssetStore([CachedAssetMetadataProvider(str(folder), cards)])
    names = _names(store)
    if len(names) != 1:
        raise ConceptSpaceError(
            f"{folder}: one space is expected, a card <name>_encoder and a card <name>_decoder, but there "
            f"{'are ' + str(len(names)) + ': ' + ', '.join(names) if names else 'is none'}."
        )
    (name,) = names
    return SpaceCards(name, store.retrieve_card(f"{name}_encoder"), store.retrieve_card(f"{name}_decoder"))


def _names(store: AssetStore) -> list[str]:
    """Every <name> of which there are a card <name>_encoder and a card <name>_decoder."""
    names = [name.removesuffix("@") for name in store.asset_names]  # fairseq2 writes the environment behind the @
    parts = [{n.removesuffix(part) for n in names if n.endswith(part)} for part in ("_encoder", "_decoder")]
    return sorted(parts[0] & parts[1])


def _file(card: AssetCard, field: str) -> str:
    """The file or address that a card's field names, for errors."""
    found = card.maybe_get_field(field)
    if found is None or not isinstance(found.value, str):
        return f"card {card.name}"
    base = card.metadata.get("__base_path__")
    return found.value if "://" in found.value or not isinstance(base, Path) else str(base / found.value)


@contextmanager
def _explained(place: str) -> Iterator[None]:
    """Turn what fairseq2 and torch raise while loading into one line that names the place; no wait without end."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    except AssetDownloadError as error:
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        raise ConceptSpaceError(
            f"{place.split(',')[0]}: {error}{cause} Tried once, waiting at most {_TIMEOUT} s for an answer. Check the network, or use the "
            f"small space that ships with this package: {_SHIPPED}."
        ) from error
    except torch.OutOfMemoryError:
        raise
    # A damaged checkpoint: torch raises any of the last five, as the damage falls.
    except (
        AssetCardError, AssetMetadataError, OperationalError, OSError, EOFError, KeyError, RuntimeError, UnpicklingError,
        ValueError,
    ) as error:  # fmt: skip
        reason: BaseException = error
        while reason.__cause__ is not None:
            reason = reason.__cause__
        raise ConceptSpaceError(
            f"{place}: cannot be loaded ({' '.join(str(reason).split())[:200]}). It is missing or damaged: install the package "
            f"again if the space came with it, or write the folder again."
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _card(
    name: str, family: str, arch: str, config: SonarTextEncoderConfig | SonarTextDecoderConfig
) -> dict[str, object]:
    fields = dataclasses.asdict(config)
    if "_from_fairseq" in fields:
        fields["_from_fairseq"] = False  # it would raise max_seq_len once more at each construction
    return {
        "name": name,
        "model_family": family,
        "model_arch": arch,
        "model_config": {"_set_": fields},  # fairseq2 takes `_set_` at the top only
        "checkpoint": f"{name}.pt",
    }


def _fp16_state(model: nn.Module, name: str) -> dict[str, Tensor]:
    """The state dict on the CPU in fp16; tensors that are one (the tied output projection) stay one in the file."""
    halves: dict[int, Tensor] = {}
    state: dict[str, Tensor] = {}
    for key, tensor in model.state_dict().items():
        half = halves.setdefault(tensor.data_ptr(), tensor.detach().to("cpu", torch.float16, copy=True))
        if not half.isfinite().all():
            raise ConceptSpaceError(
                f"{name}: weight '{key}' is not finite in fp16 (largest: {tensor.abs().max():.3g}, fp16 holds 65504). "
                f"Lower the learning rate and go on from an earlier checkpoint."
            )
        state[key] = half
    return state

"""Models for others: a run's model as a folder of its own, and such folders to the Hugging Face Hub and from it.

Only the three files of a model's folder ever travel, and the weights are safetensors: nothing that is loaded can run code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from lcm.models.card import CardFacts, header, use_command, write_card
from lcm.models.checkpoint import (
    CARD,
    CONFIG,
    HUB,
    WEIGHTS,
    LoadedModel,
    ModelInfo,
    find_model,
    load_model_folder,
    read_info,
    save_model,
)
from lcm.models.contract import ModelError
from lcm.models.metrics import read_validations

_PLACE = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^@\s]+))?")


def export_model(source: str | Path, folder: str | Path, *, half: bool = False) -> ModelInfo:
    """Write the model of a run, a folder, a shipped name or the Hub to a folder of its own, whole or not at all.

    Of a run the card is made anew, with its validations; else the model's own card is kept. `half` stores float16, else
    the precision stays. Raises ModelError for a source without a model, and for a folder that holds anything but a model.
    """
    folder, found = Path(folder), find_model(source)
    _check_target(folder, found)
    loaded = load_model_folder(found)
    info, dtype = loaded.info, torch.float16 if half else loaded.info.dtype
    card = _card(loaded, source, folder.resolve().name, dtype)
    save_model(folder, loaded.model, family=info.family, space=info.space, facts=info.facts, card=card, dtype=dtype)
    return read_info(folder)


def download_model(place: str) -> Path:
    """`hf://owner/name[@revision]` → the folder in the Hub's cache that holds the model; what is there already is not
    loaded again, and serves without a network. Raises ModelError with what was tried.
    """
    repo, revision = _split(place.removeprefix(HUB), place)
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    unreachable = _unreachable()
    fetch = partial(hf_hub_download, repo, local_files_only=unreachable is not None)
    with _plain_errors(place, f"{constants.ENDPOINT}/{repo}", unreachable):
        config = Path(fetch(CONFIG, revision=revision))
        _check_is_ours(config, place)
        commit = config.parent.name  # the three files come from one commit, whatever is pushed meanwhile
        fetch(WEIGHTS, revision=commit)
        try:
            fetch(CARD, revision=commit)
        except LocalEntryNotFoundError:
            if unreachable is None:
                raise
        except EntryNotFoundError:
            pass  # a model without a card is still a model
        return config.parent


def _unreachable() -> str | None:
    """Why the Hub cannot be reached, or None. Asked once and first: its library would try for half a minute."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except OSError as error:  # requests' errors, and HF_HUB_OFFLINE
        return _reason(error)
    return None


def hub_name(place: str | Path) -> str | None:
    """owner/name of `hf://owner/name[@revision]`; None for other places."""
    return str(place).removeprefix(HUB).split("@")[0] if str(place).startswith(HUB) else None


def push_model(folder: str | Path, repo: str, *, private: bool = False) -> str:
    """Upload a model's folder to the Hub as owner/name, in one commit; the address of the repository.

    The token is HF_TOKEN's or that of `hf auth login`. Raises ModelError for a folder without a model, a missing token,
    and what the Hub refuses.
    """
    info = read_info(folder)
    load_model_folder(folder)  # a damaged model is told here, not by who downloads it
    repo, revision = _split(repo.removeprefix(HUB), repo)
    if revision is not None:
        raise ModelError(f"'{repo}@{revision}': a model is pushed to owner/name, without a revision.")
    from huggingface_hub import CommitOperationAdd, HfApi, constants, get_token

    if get_token() is None:
        raise ModelError("No token for the Hugging Face Hub: set HF_TOKEN to one that may write, or run hf auth login.")
    with _plain_errors(repo, constants.ENDPOINT):
        api = HfApi()
        api.create_repo(repo, private=private, exist_ok=True)
        if private and not api.model_info(repo).private:
            raise ModelError(f"{repo} is a public repository of the Hub already, but --private was asked for.")
        content: list[tuple[str, str | bytes]] = [
            (CARD, _hub_card(info, repo).encode()), (CONFIG, str(info.folder / CONFIG)), (WEIGHTS, str(info.folder / WEIGHTS)),
        ]  # fmt: skip
        files = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=source) for name, source in content]
        api.create_commit(repo, files, commit_message=f"Upload {info.name} with lcm")
    return f"{constants.ENDPOINT}/{repo}"


def _check_target(folder: Path, source: Path) -> None:
    if folder.resolve() == source.resolve():
        raise ModelError(f"{folder}: is the model that is to be exported. Give another folder.")
    if folder.exists() and not folder.is_dir():
        raise ModelError(f"{folder}: is a file, but a folder to write is expected.")
    foreign = sorted({path.name for path in folder.iterdir()} - {CONFIG, WEIGHTS, CARD}) if folder.exists() else []
    if foreign:
        raise ModelError(f"{folder}: holds {foreign[0]}, which is no part of a model. Give a new or an empty folder.")


def _card(loaded: LoadedModel, source: str | Path, name: str, dtype: torch.dtype) -> str:
    info, old = loaded.info, loaded.info.folder / CARD
    of_run = Path(source).is_dir() and Path(source).resolve() != info.folder.resolve()
    if not of_run and old.is_file():
        text = old.read_text(encoding="utf-8")
        return text if text.startswith("---\n") else f"{header(info.family, info.space, info.facts)}\n{text}"
    about = CardFacts(
        name=name, family=info.family, space=info.space, config=info.config, facts=info.facts,
        parameters=info.parameters, precision=str(dtype).split(".")[-1],
        validations=read_validations(source) if of_run else None,
    )  # fmt: skip
    return write_card(about)


def _hub_card(info: ModelInfo, repo: str) -> str:
    """The card as the Hub shows it: with its header, and the command that finds the model there."""
    card = info.folder / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else f"# {info.name}\n"
    text = text if text.startswith("---\n") else f"{header(info.family, info.space, info.facts)}\n{text}"
    return text.replace(use_command(info.name), use_command(f"{HUB}{repo}"))


def _split(name: str, given: str) -> tuple[str, str | None]:
    """owner/name[@revision] → its repository and revision."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    match = _PLACE.fullmatch(name)
    try:
        if match is None:
            raise HFValidationError("")
        validate_repo_id(match["repo"])
    except HFValidationError:
        raise ModelError(f"'{given}' names no repository of the Hugging Face Hub: write owner/name.") from None
    return match["repo"], match["revision"]


def _check_is_ours(config: Path, place: str) -> None:
    """Before its weights, perhaps large, are downloaded."""
    try:
        content: Any = json.loads(config.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict) or not {"family", "space", "config"} <= content.keys():
        raise ModelError(f"{place}: is a repository, but its {CONFIG} is not that of an lcm model.")


@contextmanager
def _plain_errors(what: str, address: str, unreachable: str | None = None) -> Iterator[None]:
    """What the Hub's library raises, as one line that says what was tried."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        raise ModelError(f"{what}: its owner grants access on request. Ask at {address}, then hf auth login.") from None
    except errors.RepositoryNotFoundError:
        raise ModelError(
            f"{what}: no such repository at {address}, or it is private. Check the name, or log in: hf auth login."
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelError(f"{what}: {address} has no such revision. Leave it out for the newest.") from None
    except errors.LocalEntryNotFoundError as error:
        raise ModelError(
            f"{what}: is not in the cache, and {address} cannot be reached ({unreachable or _reason(error)})."
        ) from None
    except errors.EntryNotFoundError:
        raise ModelError(f"{what}: {address} lacks {CONFIG} or {WEIGHTS}, so it holds no lcm model.") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        remedy = " Is the token valid, and may it write there? hf auth login." if status in (401, 403) else ""
        raise ModelError(f"{what}: {address} refuses ({_reason(error)}).{remedy}") from None
    except OSError as error:  # requests' errors of the network, and of the disk
        raise ModelError(f"{what}: cannot be exchanged with {address} ({_reason(error)}).") from None


def _reason(error: BaseException) -> str:
    """The system's own words if there are any, else the first line."""
    text = str(error).strip()
    if match := re.search(r"\[Errno -?\d+\] ([^'\")]+)", text):
        return match[1]
    return (text.splitlines() or [type(error).__name__])[0][:200].rstrip(".:")

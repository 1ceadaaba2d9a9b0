"""Hugging Face datasets, by name (hf://owner/name) or from a folder that `save_to_disk` wrote. Needs the extra `hf`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lcm.data.sources.columns import Columns
from lcm.data.sources.documents import CorpusError, Row
from lcm.data.sources.tables import table_rows

SCHEME = "hf://"
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class HubOptions:
    """What a dataset's name leaves open."""

    split: str | None = None
    """`train` if it is not given."""
    config: str | None = None
    """Which of several subsets, such as 20231101.en."""


def is_saved(folder: Path) -> bool:
    """Whether `datasets` wrote the folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def hub_rows(source: str, columns: Columns, options: HubOptions) -> Iterator[Row]:
    """The rows of one split. Raises CorpusError for a dataset or a split that is not there, or if `datasets` is not."""
    dataset = _load(source, options)
    settled = columns.settle(dataset.column_names, source)
    tables = dataset.select_columns(settled.names).with_format("arrow").iter(batch_size=_BATCH)
    yield from table_rows((table.combine_chunks() for table in tables), settled, source, source.rsplit("/", 1)[-1])


def _load(source: str, options: HubOptions) -> Any:
    try:
        import datasets
    except ImportError:
        raise CorpusError(
            f"{source}: needs the package datasets, which is not installed. Install it: pip install 'lcm[hf]'"
        ) from None
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # each of its retries is three lines
    on_hub, split = source.startswith(SCHEME), options.split or "train"
    if on_hub:
        _check_reachable(source)
    try:
        if on_hub:
            return datasets.load_dataset(source.removeprefix(SCHEME), options.config, split=split)
        saved = datasets.load_from_disk(source)
    except Exception as error:  # of a dozen kinds: the hub's, the network's, the file system's, the builder's
        raise CorpusError(f"{source}: cannot be loaded ({' '.join(str(error).split())}).") from None
    if isinstance(saved, datasets.DatasetDict):
        if split not in saved:
            raise CorpusError(f"{source}: has no split '{split}'. Choose with --hf-split: {', '.join(saved)}.")
        return saved[split]
    if options.split and str(saved.split) != options.split:
        raise CorpusError(f"{source}: is the split '{saved.split}', but '{options.split}' is asked for.")
    return saved


@cache
def _check_reachable(source: str) -> None:
    """A Hub that does not answer is told at once: `datasets` would go on asking for minutes."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    name = source.removeprefix(SCHEME)
    if constants.HF_HUB_OFFLINE or Path(name).exists():
        return
    try:
        HfApi().dataset_info(name, timeout=10)
    except (HfHubHTTPError, HFValidationError):
        pass  # an answer, which datasets gets too and tells in its own words
    except OSError:
        raise CorpusError(
            f"{source}: {constants.ENDPOINT} cannot be reached. Without a network, HF_HUB_OFFLINE=1 takes what is in the cache."
        ) from None

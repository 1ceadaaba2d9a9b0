"""Corpora by name, with their share in what is learnt: `name=split:weight`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lcm.data.shards import DATASET
from lcm.data.sources import CorpusError

_SPEC = re.compile(r"(?P<name>[^=:]+)(=(?P<split>[^=:]+))?(:(?P<weight>[^=:]+))?")


@dataclass(frozen=True)
class Part:
    """One corpus of a mixture."""

    folder: Path
    weight: float
    valid: Path | None
    """Its held-out documents."""


def find_parts(path: str | Path, mixture: Sequence[str] = ()) -> list[Part]:
    """The corpora of a folder.

    `path` is a prepared corpus, or holds one for each split: `train`, and `valid` for what is held out. With a mixture such as
    `["tales=train:0.6", "stories=train:0.4"]` it holds these by name, each a corpus or a folder of splits; without a split,
    `train` is meant, without a weight, 1. Raises CorpusError for what is not there or cannot be understood.
    """
    path = Path(path)
    if not mixture:
        return [_find(path, None, 1.0)]
    return [_parse(path, spec) for spec in mixture]


def _parse(path: Path, spec: str) -> Part:
    found = _SPEC.fullmatch(spec)
    try:
        weight = float(found["weight"] or 1) if found else 0.0
    except ValueError:
        weight = 0.0
    if found is None or not weight > 0:
        raise CorpusError(f"Mixture '{spec}': must be name=split:weight with a weight over 0, such as tales=train:0.6.")
    return _find(path / found["name"], found["split"], weight)


def _find(folder: Path, split: str | None, weight: float) -> Part:
    if split is None and (folder / DATASET).is_file():
        return Part(folder, weight, None)
    chosen = folder / (split or "train")
    if not (chosen / DATASET).is_file():
        there = sorted(file.parent.relative_to(folder).as_posix() for file in folder.glob(f"*/{DATASET}"))
        if split is None and not there:
            raise CorpusError(f"{folder}: holds no {DATASET}, so it is no prepared corpus. See: lcm prepare")
        raise CorpusError(f"{chosen}: is no prepared corpus. {folder} holds: {', '.join(there) or 'none'}.")
    valid = folder / "valid"
    return Part(chosen, weight, valid if (valid / DATASET).is_file() and valid != chosen else None)

"""What is finished of a preparation: `dataset.json` as the last run left it, and a journal with a line a shard.

A journal costs the same for the first shard as for the hundred thousandth, survives a kill at any moment, and is one for
each of several jobs that share a folder; the run that finishes the corpus gathers them into `dataset.json`.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from lcm.data.shards import DATASET, Manifest, Settings, Shard
from lcm.data.sources import CorpusError

_JOURNALS = "dataset.*.jsonl"


class Ledger:
    """The finished shards of a folder, which is made if it is not there.

    Raises CorpusError for a folder that holds something else, or a corpus of other settings.
    """

    def __init__(self, folder: Path, settings: Settings, shard_size: int, part: int, parts: int) -> None:
        self._folder, self._settings, self._shard_size = folder, settings, shard_size
        self._journal = folder / f"dataset.{part}-of-{parts}.jsonl"
        self._before: defaultdict[str, list[Shard]] = defaultdict(list)
        listed: tuple[Shard, ...] = ()
        if (folder / DATASET).is_file():
            manifest = Manifest.read(folder)
            _check(folder, manifest, settings, shard_size)
            listed = manifest.shards
        else:
            _make(folder)
        for shard in (*listed, *_read_journals(folder)):
            self._before[shard.file].append(shard)
        # Not complete from here on: shards that it lists may be made anew.
        Manifest(settings, shard_size, False, listed).write(folder)

    def before(self, file: str, source: str) -> tuple[Shard, ...]:
        """What earlier runs made under that name of the same documents."""
        return tuple(shard for shard in self._before[file] if shard.source == source)

    def enter(self, shard: Shard) -> None:
        """A shard is finished."""
        try:
            with self._journal.open("a", encoding="utf-8") as journal:
                journal.write(json.dumps(asdict(shard)) + "\n")
                journal.flush()
                os.fsync(journal.fileno())
        except OSError as error:
            raise CorpusError(f"{self._journal}: cannot be written ({error.strerror}). Make room and go on.") from error

    def close(self, shards: tuple[Shard, ...]) -> None:
        """These are the whole corpus: list them, and remove what is left of other runs."""
        Manifest(self._settings, self._shard_size, True, shards).write(self._folder)
        for name in self._before.keys() - {shard.file for shard in shards}:
            (self._folder / name).unlink(missing_ok=True)  # of a longer source
        for journal in self._folder.glob(_JOURNALS):
            journal.unlink()


def _check(folder: Path, before: Manifest, settings: Settings, shard_size: int) -> None:
    if before.settings.space == settings.space and before.settings.encoder != settings.encoder:
        was, here = (encoder[:12] or "not known" for encoder in (before.settings.encoder, settings.encoder))
        raise CorpusError(
            f"{folder}: holds concepts of another encoder named '{settings.space}' (its checksum is {was}, here {here}). "
            f"Choose another folder, or delete it."
        )
    for name, was, here in (
        *((name, getattr(before.settings, name), getattr(settings, name)) for name in vars(settings)),
        ("shard_size", before.shard_size, shard_size),
    ):
        if was != here:
            raise CorpusError(
                f"{folder}: holds a corpus with {name} = {was}, but {here} is asked for. Choose another folder, or delete it."
            )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(not path.name.startswith(".") for path in folder.iterdir()):
            raise CorpusError(f"{folder}: is neither empty nor a prepared corpus. Choose another folder.")
    except OSError as error:
        raise CorpusError(f"{folder}: cannot be made or written ({error.strerror}). Choose another folder.") from None


def _read_journals(folder: Path) -> list[Shard]:
    shards = []
    for journal in sorted(folder.glob(_JOURNALS)):
        for line in journal.read_text(encoding="utf-8").splitlines():
            try:
                shards.append(Shard(**json.loads(line)))
            except (ValueError, TypeError):
                continue  # torn by a kill while it was written: that shard is made again
    return shards

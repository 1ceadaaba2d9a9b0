"""What fairseq2's checkpoint manager leaves to its caller: damaged checkpoints are passed over, and what goes wrong is told in
one line."""

from __future__ import annotations

import errno
import logging
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairseq2.checkpoint import CheckpointError, StandardCheckpointManager
from fairseq2.gang import Gangs

from lcm.errors import LCMError
from lcm.training.errors import TrainingError

log = logging.getLogger("lcm.training")

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}


class Unhurried:
    """A checkpoint manager as the validator sees it: a checkpoint that is being written gets its name only when the
    validation of its step is over. A run that is killed in between then does both again, and no validation is missing."""

    def __init__(self, manager: StandardCheckpointManager) -> None:
        self._manager = manager

    def maybe_complete_save_operation(self, *, blocking: bool = False) -> bool | None:
        """Not now."""
        return None

    def load_scores(self) -> list[tuple[float, int]]:
        """Of the validations before."""
        return self._manager.load_scores()


def newest_step(folder: Path) -> int | None:
    """The step of the newest finished checkpoint of a run, or None."""
    steps = [int(p.name.removeprefix("step_")) for p in (folder / "checkpoints").glob("step_*") if p.name[5:].isdigit()]
    return max(steps, default=None)


def make_ready(folder: Path, gangs: Gangs) -> int | None:
    """Set damaged checkpoints aside → the step of the newest sound one, or None."""
    if gangs.root.rank == 0:
        _set_damaged_aside(folder / "checkpoints")
    gangs.root.barrier()
    return newest_step(folder)


def _set_damaged_aside(checkpoints: Path) -> None:
    while (step := newest_step(checkpoints.parent)) is not None:
        place = checkpoints / f"step_{step}"
        fault = _fault(place)
        if fault is None:
            return
        aside = place.with_name(f"damaged_{step}")
        shutil.rmtree(aside, ignore_errors=True)
        place.rename(aside)
        before = newest_step(checkpoints.parent)
        goes_on = "There is none before: the run starts anew." if before is None else f"Going on from step {before}."
        log.warning("%s is damaged (%s); set aside as %s. %s", place, fault, aside.name, goes_on)


def _fault(place: Path) -> str | None:
    """What is wrong with a checkpoint, by the checksums in its files; None for a sound one."""
    for kind in ("trainer", "model", "optimizer", "data_reader"):
        files = sorted((place / kind).rglob("*.pt"))
        if not files:
            return f"{kind} is missing"
        for file in files:
            try:
                with zipfile.ZipFile(file) as archive:  # so torch.save writes them, with a checksum for each tensor
                    bad = archive.testzip()
            except (zipfile.BadZipFile, OSError, EOFError) as error:
                return f"{file.relative_to(place)}: {error}"
            if bad is not None:
                return f"{file.relative_to(place)}: {bad} does not match its checksum"
    return None


@contextmanager
def told_plainly(folder: Path) -> Iterator[None]:
    """A checkpoint that does not fit, and a disk that is full, are TrainingErrors of one line."""
    try:
        yield
    except LCMError:
        raise
    except Exception as error:
        if (cause := _refused(error)) is not None:
            raise _cannot_write(folder, cause) from error
        if not isinstance(error, CheckpointError):
            raise
        reason = " ".join(str(error.__cause__ or error).split())[:200]
        raise TrainingError(
            f"{folder / 'checkpoints'}: the run cannot go on from step {error.step_nr} ({error.kind}: {reason}). "
            f"Give the settings that it was started with, or another run_dir."
        ) from error


def _refused(error: BaseException | None) -> OSError | None:
    """That the disk took no more, somewhere behind an error: fairseq2 and torch tell it in several ways."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return error
        error = error.__cause__ or error.__context__
    return None


def _cannot_write(folder: Path, cause: OSError) -> TrainingError:
    step = newest_step(folder)
    last = "There is no checkpoint yet." if step is None else f"The checkpoint of step {step} is sound."
    return TrainingError(
        f"{folder}: cannot be written ({cause.strerror}). {last} Make room and give the same command again."
    )

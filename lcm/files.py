"""Files that are there whole, or as they were before, whatever ends the process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the name `path` if the block succeeds and vanishes if it does not.

    The temporary name is hidden, holds `.part` and is nobody else's, should two machines write one file. Raises what the
    block and the file system raise.
    """
    # The suffix stays last: numpy.save and others add their own where it is missing.
    part = path.with_name(f".{path.stem}.{uuid4().hex[:8]}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)

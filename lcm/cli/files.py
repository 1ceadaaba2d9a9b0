"""Files in and out of the commands: text read with clear errors, results written whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lcm.errors import LCMError
from lcm.files import replacing


class FileError(LCMError):
    """A file that cannot be read or written as the command needs it."""


def read_text(path: str) -> str:
    """The whole text of a UTF-8 file, or of standard input for `-`. Line ends are kept as they are.

    Raises FileError if it is missing, a folder, not readable, empty, or not UTF-8 text (a NUL byte means binary).
    """
    if path == "-":
        name, content = "standard input", sys.stdin.buffer.read()
    else:
        name = path
        try:
            content = Path(path).read_bytes()
        except FileNotFoundError:
            raise FileError(f"{path}: no such file. Give the path of a text file, or - for standard input.") from None
        except IsADirectoryError:
            raise FileError(f"{path}: is a folder, but a text file is expected.") from None
        except OSError as error:
            raise FileError(f"{path}: cannot be read ({error.strerror}).") from None
    if not content:
        raise FileError(f"{name}: is empty, but text is expected.")
    if (offset := content.find(b"\0")) >= 0:
        raise FileError(f"{name}: is a binary file (NUL byte at offset {offset}), but UTF-8 text is expected.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            f"{name}: is not UTF-8 text (byte 0x{content[error.start]:02x} at offset {error.start}). "
            f"Convert it, for example: iconv -f latin1 -t utf-8."
        ) from None


def read_lines(path: str) -> list[str]:
    """One sentence a line, surrounding white space stripped. Raises FileError as `read_text`, and for a blank line."""
    lines = [line.strip() for line in read_text(path).removesuffix("\n").split("\n")]
    for number, line in enumerate(lines, start=1):
        if not line:
            name = "standard input" if path == "-" else path
            raise FileError(f"{name}, line {number}: is blank, but one sentence a line is expected. Remove the line.")
    return lines


@contextmanager
def write_atomically(path: str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the name `path` if the block succeeds and vanishes if it does not.

    Raises FileError if the folder is missing or not writable, or if `path` is itself a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise FileError(f"{path}: is a folder, but the name of a file to write is expected.")
    if not target.parent.is_dir():
        raise FileError(f"{path}: the folder {target.parent} does not exist. Create it first: mkdir -p {target.parent}")
    if not os.access(target.parent, os.W_OK):
        raise FileError(f"{path}: the folder {target.parent} is not writable. Choose another place.")
    with replacing(target) as temporary:
        yield temporary

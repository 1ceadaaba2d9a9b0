"""The command line, run as a user runs it."""

import json
import subprocess
import sys
import time

import pytest


def lcm(*args: str, text: str | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "lcm.cli", *args], input=text, capture_output=True, text=True, check=False
    )


def test_help_shows_every_command_without_importing_torch():
    code = "import sys, lcm.cli; sys.exit('torch' in sys.modules or 'fairseq2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    times = []
    for _ in range(3):
        start = time.perf_counter()
        result = lcm("--help")
        times.append(time.perf_counter() - start)
    assert "segment" in result.stdout
    assert min(times) < 1


def test_version_names_what_the_framework_stands_on():
    out = lcm("--version").stdout
    assert all(name in out for name in ("lcm ", "torch 2.9.1", "fairseq2 0.8.1", "sonar-space 0.5.0", "device "))


def test_segment_prints_one_sentence_a_line_and_json_with_spans(tmp_path):
    text = "Dr. Smith slept.\n\nThen  he\nwoke. It rained!"
    assert lcm("segment", "-", text=text).stdout.splitlines() == ["Dr. Smith slept.", "Then he woke.", "It rained!"]
    file = tmp_path / "text.txt"
    file.write_text(text)
    rows = [json.loads(line) for line in lcm("segment", str(file), "--json").stdout.splitlines()]
    assert [text[row["start"] : row["end"]] for row in rows] == [row["text"] for row in rows]
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "missing.txt"), (b"", "empty"), (b"\xff\xfe\x00", "UTF-8"), (b"a\x00b", "")],
)
def test_a_file_that_holds_no_text_is_one_clear_line_and_exit_code_2(tmp_path, content, said):
    file = tmp_path / "missing.txt"
    if content is not None:
        file.write_bytes(content)
    result = lcm("segment", str(file))
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert str(file) in result.stderr
    assert said in result.stderr


def test_an_unknown_language_is_one_clear_line_and_exit_code_2():
    result = lcm("segment", "-", "--lang", "xx", text="Hello.")
    assert result.returncode == 2
    assert "xx" in result.stderr
    assert len(result.stderr.splitlines()) == 1

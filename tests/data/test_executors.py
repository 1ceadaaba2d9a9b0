"""Preparing in several processes, jobs and machines: the same corpus, whoever makes it and whoever is killed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from toy import ToySpace, open_mortal, open_toy

from lcm.data import Corpus, CorpusError, prepare
from lcm.data.executors import Processes
from lcm.data.ray_tasks import RayTasks

DISTINCT = 5 * 4 + 5  # sentences of each shard, of which only the fatal one has five


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Twelve documents, the eighth fatal."""
    texts = [["It rained.", f"Story {n} begins.", "Death." if n == 7 else "It ends."] for n in range(12)]
    file = tmp_path / "texts.jsonl"
    file.write_text("\n".join(json.dumps({"sentences": sentences}) for sentences in texts))
    return file


@pytest.fixture
def whole(source, tmp_path) -> dict[str, bytes]:
    """The corpus that one process makes."""
    prepare(source, tmp_path / "whole", ToySpace(), shard_size=2)
    return contents(tmp_path / "whole")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def fatal(tmp_path, monkeypatch) -> Path:
    """While it is there, the next worker that meets the fatal sentence is killed."""
    file = tmp_path / "fatal"
    file.touch()
    monkeypatch.setenv("FATAL", str(file))
    return file


def test_two_processes_make_what_one_makes_and_tell_how_far_they_are(source, whole, tmp_path):
    seen = []
    report = prepare(
        source, tmp_path / "corpus", ToySpace(), shard_size=2, executor=Processes(2, open_toy), on_progress=seen.append
    )
    assert contents(tmp_path / "corpus") == whole
    assert (report.shards, report.kept, report.encoded) == (6, 0, DISTINCT)
    assert (seen[-1].documents, seen[-1].encoded) == (12, DISTINCT)


def test_a_killed_worker_ends_the_run_and_the_next_one_keeps_what_was_finished(source, whole, tmp_path, fatal):
    folder = tmp_path / "corpus"
    with pytest.raises(
        CorpusError, match=r"shard-00003\.arrow: the worker .* was killed by signal 9\. .* kept"
    ) as error:
        prepare(source, folder, ToySpace(), shard_size=2, executor=Processes(2, open_mortal))
    assert "\n" not in str(error.value)
    left = contents(folder)
    assert all(left[name] == whole[name] for name in left if name.endswith(".arrow"))
    assert not [name for name in left if ".part" in name]
    with pytest.raises(CorpusError, match="was interrupted"):
        Corpus(folder)
    report = prepare(source, folder, ToySpace(), shard_size=2)
    assert report.kept >= 2  # those before the fatal one that the killed worker, too, had finished
    assert contents(folder) == whole


def test_a_bad_document_in_a_worker_is_told_as_in_one_process(tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"text": "Good."}\n{"text": "Infinity."}\n')
    with pytest.raises(CorpusError, match=r"bad\.jsonl, row 2: the concept of sentence 0 is not finite"):
        prepare(tmp_path / "bad.jsonl", tmp_path / "corpus", ToySpace(), executor=Processes(1, open_toy))


def test_several_jobs_share_a_folder_and_a_last_call_completes_it(source, whole, tmp_path):
    folder = tmp_path / "corpus"
    for part in (2, 0):
        report = prepare(source, folder, ToySpace(), shard_size=2, part=part, parts=4)
        assert report.shards == (1 if part == 2 else 2)
    with pytest.raises(CorpusError, match="was interrupted"):
        Corpus(folder)
    assert prepare(source, folder, ToySpace(), shard_size=2, part=0, parts=4).kept == 2
    prepare(source, folder, ToySpace(), shard_size=2, part=1, parts=4)
    with (folder / "dataset.1-of-4.jsonl").open("a") as journal:
        journal.write('{"file": "shard-0')  # torn
    report = prepare(source, folder, ToySpace(), shard_size=2)  # part 3 has never run: its shard is made
    assert (report.shards, report.kept) == (6, 5)
    assert contents(folder) == whole
    with pytest.raises(CorpusError, match="part must be between 0 and 3"):
        prepare(source, folder, ToySpace(), shard_size=2, part=4, parts=4)


def test_without_ray_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CorpusError, match=r"needs the package ray.*pip install 'lcm\[ray\]'"):
        RayTasks(2, open_toy)


@pytest.mark.slow
def test_ray_loses_and_doubles_nothing_when_a_worker_is_killed(source, whole, tmp_path, fatal, monkeypatch):
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # so that workers find the toy space
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
    try:
        executor = RayTasks(2, open_mortal)
        report = prepare(source, tmp_path / "corpus", ToySpace(), shard_size=2, executor=executor)
        assert not fatal.exists()  # it was killed
        assert (report.documents, report.shards, report.encoded) == (12, 6, DISTINCT)
        assert contents(tmp_path / "corpus") == whole
        (tmp_path / "bad.jsonl").write_text('{"text": "Infinity."}\n')
        with pytest.raises(CorpusError, match=r"bad\.jsonl, row 1: the concept of sentence 0 is not finite"):
            prepare(tmp_path / "bad.jsonl", tmp_path / "other", ToySpace(), executor=executor)
    finally:
        ray.shutdown()

"""Data: controlled stories, corpora, and the batches that training reads."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lcm.data.batches import ConceptBatch as ConceptBatch
    from lcm.data.corpus import Corpus as Corpus
    from lcm.data.encoding import Marks as Marks
    from lcm.data.exporting import export_parquet as export_parquet
    from lcm.data.inspection import Inspection as Inspection
    from lcm.data.inspection import inspect as inspect
    from lcm.data.mixture import Part as Part
    from lcm.data.mixture import find_parts as find_parts
    from lcm.data.prefetch import Prefetched as Prefetched
    from lcm.data.preparation import Progress as Progress
    from lcm.data.preparation import Report as Report
    from lcm.data.preparation import prepare as prepare
    from lcm.data.prepare_run import ExecutorKind as ExecutorKind
    from lcm.data.prepare_run import PrepareConfig as PrepareConfig
    from lcm.data.prepare_run import run_preparation as run_preparation
    from lcm.data.reader import ConceptReader as ConceptReader
    from lcm.data.reader import read_once as read_once
    from lcm.data.shards import Settings as Settings
    from lcm.data.sources import Columns as Columns
    from lcm.data.sources import CorpusError as CorpusError
    from lcm.data.sources import Document as Document
    from lcm.data.sources import HubOptions as HubOptions
    from lcm.data.sources import read_documents as read_documents

_HOMES = {
    "Columns": "sources",
    "ConceptBatch": "batches",
    "ConceptReader": "reader",
    "Corpus": "corpus",
    "CorpusError": "sources",
    "Document": "sources",
    "ExecutorKind": "prepare_run",
    "HubOptions": "sources",
    "Inspection": "inspection",
    "Marks": "encoding",
    "Part": "mixture",
    "Prefetched": "prefetch",
    "PrepareConfig": "prepare_run",
    "Progress": "preparation",
    "Settings": "shards",
    "Report": "preparation",
    "export_parquet": "exporting",
    "find_parts": "mixture",
    "inspect": "inspection",
    "prepare": "preparation",
    "read_documents": "sources",
    "read_once": "reader",
    "run_preparation": "prepare_run",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    # The tales need neither torch nor Arrow: what does is imported when it is asked for.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"lcm.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'lcm.data' has no attribute '{name}'")

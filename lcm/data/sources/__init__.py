"""Documents as they come: JSON lines, text, Parquet, Hugging Face datasets. A file for each kind, one door: read_documents."""

from lcm.data.sources.columns import Columns
from lcm.data.sources.documents import CorpusError, Document, Passage
from lcm.data.sources.reading import HubOptions, read_documents, recorded_encoder

__all__ = ["Columns", "CorpusError", "Document", "HubOptions", "Passage", "read_documents", "recorded_encoder"]

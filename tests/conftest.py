"""Shared by all rooms."""

import os

import lcm  # noqa: F401  (before fairseq2: it finds libsndfile)

os.environ.setdefault(
    "FAIRSEQ2_EXTENSION_TRACE", "1"
)  # an extension that raises fails the tests; else it is a log line
os.environ.setdefault("FAIRSEQ2_NO_PROGRESS", "1")

"""Segmentation: a text becomes sentences, each with its character span and none over the length cap."""

from lcm.segmentation.cap import DEFAULT_CAP, cap
from lcm.segmentation.segmenter import Segmenter, Sentence, SegmentationError, open_segmenter, segment
from lcm.segmentation.rules import RuleSegmenter

__all__ = [
    "DEFAULT_CAP",
    "RuleSegmenter",
    "SegmentationError",
    "Segmenter",
    "Sentence",
    "cap",
    "open_segmenter",
    "segment",
]

"""Segmentation: a text becomes sentences, each with its character span and none over the length cap."""

from lcm.segmentation.cap import DEFAULT_CAP, cap
from lcm.segmentation.rules import RuleSegmenter
from lcm.segmentation.segmenter import SegmentationError, Segmenter, Sentence, open_segmenter, segment

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

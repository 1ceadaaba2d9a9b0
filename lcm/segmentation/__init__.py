"""Segmentation: a text becomes sentences, each with its character span and none over the length cap."""

from lcm.segmentation.cap import cap
from lcm.segmentation.rules import RuleSegmenter
from lcm.segmentation.sat import SatSegmenter, SplitModel
from lcm.segmentation.segmenter import DEFAULT_CAP, SegmentationError, Segmenter, Sentence, open_segmenter, segment

__all__ = [
    "DEFAULT_CAP",
    "RuleSegmenter",
    "SatSegmenter",
    "SegmentationError",
    "Segmenter",
    "Sentence",
    "SplitModel",
    "cap",
    "open_segmenter",
    "segment",
]

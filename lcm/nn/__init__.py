"""Building blocks of the concept models."""

from lcm.nn.normalizer import Normalizer as Normalizer
from lcm.nn.normalizer import NormalizerError as NormalizerError

"""Building blocks of the concept models: blocks, attention with a ragged cache, timesteps, the normalizer."""

from lcm.nn.adaln import AdaLN, TimestepEmbedding, Timesteps, Triple, sinusoid
from lcm.nn.attention import Append, LayerCache, SelfAttention, rope, rotate
from lcm.nn.denoiser import Context, Denoiser, DenoiserBlock, modulate
from lcm.nn.fixed_product import FixedProduct, join_linears, product_dtype, versions
from lcm.nn.layout import Attend, Interleaved, Layout, Packed, Padded
from lcm.nn.normalizer import Normalizer, NormalizerError
from lcm.nn.transformer import CausalTransformer, PostNet, PreNet, TransformerBlock, TransformerState, swiglu

__all__ = [
    "AdaLN",
    "Append",
    "Attend",
    "CausalTransformer",
    "Context",
    "Denoiser",
    "DenoiserBlock",
    "FixedProduct",
    "Interleaved",
    "LayerCache",
    "Layout",
    "Normalizer",
    "NormalizerError",
    "Packed",
    "Padded",
    "PostNet",
    "PreNet",
    "SelfAttention",
    "TimestepEmbedding",
    "Timesteps",
    "TransformerBlock",
    "TransformerState",
    "Triple",
    "join_linears",
    "modulate",
    "product_dtype",
    "rope",
    "rotate",
    "sinusoid",
    "swiglu",
    "versions",
]

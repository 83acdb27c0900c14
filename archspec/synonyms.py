"""Words of other programs and papers, and ours for them: what `did_you_mean` asks first."""

from __future__ import annotations

from collections.abc import Iterable

from archspec.nearest import one_slip

SYNONYMS: dict[str, tuple[str, ...]] = {
    # layers
    "dense": ("linear",),
    "fc": ("linear",),
    "fully_connected": ("linear",),
    "conv1d": ("conv",),
    "conv2d": ("conv",),
    "conv3d": ("conv",),
    "convolution": ("conv",),
    "deconv": ("conv_transpose",),
    "depthwise_conv": ("depthwise",),
    "dwconv": ("depthwise",),
    "bn": ("batch_norm",),
    "batch_normalization": ("batch_norm",),
    "gap": ("global_avg_pool",),
    "roi_pooling": ("roi_pool",),
    "roipool": ("roi_pool",),
    "roialign": ("roi_align",),
    "pool": ("max_pool", "avg_pool"),
    "interpolate": ("upsample",),
    "resize": ("upsample",),
    "zero_pad": ("pad",),
    "skip": ("residual",),
    "loop": ("repeat",),
    "for": ("each",),
    # activations
    "swish": ("silu",),
    "hswish": ("hard_swish",),
    "hsigmoid": ("hard_sigmoid",),
    "lrelu": ("leaky_relu",),
    "linear": ("none",),
    "identity": ("none",),
    # joins
    "sum": ("add",),
    "plus": ("add",),
    "cat": ("concat",),
    "sub": ("subtract",),
    "minus": ("subtract",),
    "difference": ("subtract",),
    "absolute": ("abs",),
    "mul": ("multiply",),
    "product": ("multiply",),
    "avg": ("mean",),
    # arguments
    "filters": ("out",),
    "units": ("out",),
    "channels": ("out",),
    "out_channels": ("out",),
    "out_features": ("out",),
    "strides": ("stride",),
    "pad": ("padding",),
    "rate": ("dilation", "p"),
    "dilation_rate": ("dilation",),
    "epsilon": ("eps",),
    "negative_slope": ("slope",),
    "alpha": ("slope",),
    "kaiming": ("he",),
    "kaiming_normal": ("he",),
    "glorot": ("xavier",),
    "xavier_uniform": ("xavier",),
    "gaussian": ("normal",),
    "bicubic": ("bilinear",),
    "edge": ("replicate",),
    "replicate": ("edge",),
    "half": ("fp16",),
    "bfloat16": ("bf16",),
    "float16": ("fp16",),
    "float32": ("fp32",),
    "activation": ("act",),
    # functions
    "make_divisible": ("round_to",),
    # losses, optimisers, schedules, data
    "binary_cross_entropy": ("bce",),
    "binary_crossentropy": ("bce",),
    "bce_with_logits": ("bce",),
    "bcewithlogitsloss": ("bce",),
    "categorical_crossentropy": ("cross_entropy",),
    "pos_weight": ("positive_weights",),
    "monitor": ("on", "best"),
    "learning_rate": ("lr",),
    "batch_size": ("batch",),
    "epoch": ("epochs",),
    "optim": ("optimizer",),
    "scheduler": ("schedule",),
}
"""In lower case. Where a word may mean several of ours, the first that is known in its place is asked for."""


def synonym(word: str, known: Iterable[str]) -> str | None:
    """Our word for what other programs call `word`, if it is among the known ones."""
    there = set(known)
    return next((ours for ours in SYNONYMS.get(word.lower(), ()) if ours in there), None)


def misspelt_synonym(word: str, known: Iterable[str]) -> str | None:
    """Our word for the one that `word` is a slip of the fingers away from (`kaimng`), if it is among the known ones."""
    there, word = set(known), word.lower()
    long_enough = (theirs for theirs in SYNONYMS if len(theirs) > 4)  # of short words nearly all are near another
    return next(
        (ours for theirs in long_enough if one_slip(word, theirs) for ours in SYNONYMS[theirs] if ours in there), None
    )

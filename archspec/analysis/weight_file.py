"""The size of a network's file of weights, found without writing it."""

from __future__ import annotations

import json

from archspec.graph import TypedGraph
from archspec.tensor import BYTES

_CODES = {"float32": "F32", "int64": "I64", "float64": "F64", "float16": "F16", "bfloat16": "BF16", "bool": "BOOL"}
_ALIGNED = 8


def weight_file_bytes(graph: TypedGraph) -> int:
    """Bytes of the network's state as a safetensors file without metadata: 8 for a length, a header, the tensors.

    The header is JSON, widest types first and then by name, filled up with spaces to a multiple of eight
    (https://github.com/huggingface/safetensors#format).
    """
    tensors = [
        (-BYTES[weight.dtype], f"{layer}.{name}", weight)
        for layer, weights in graph.weights.items()
        for name, weight in weights.items()
    ]
    header, at = {}, 0
    for width, name, weight in sorted(tensors, key=lambda tensor: tensor[:2]):
        end = at - width * weight.numel
        header[name] = {"dtype": _CODES[weight.dtype], "shape": weight.shape, "data_offsets": (at, end)}
        at = end
    text = len(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode())
    return 8 + -(-text // _ALIGNED) * _ALIGNED + at

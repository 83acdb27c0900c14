"""An image made to excite a unit: gradient ascent on the pixels, kept smooth."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from archspec_torch.runtime.inspecting.network import Opened

RATE, DECAY, JITTER, BLUR_EVERY = 0.1, 1e-3, 1 / 16, 8
"""Step of ascent (of the gradient's length), share of L2 decay a step, jitter of the side, steps between blurs."""


def maximised(opened: Opened, layer: str, unit: int, steps: int, seed: int = 0) -> Tensor:
    """float32 (c, h, w), in the network's normalised values, that excites a unit (the mean over its cells).

    Ascent with L2 decay (Simonyan et al., arXiv:1312.6034), blur now and then (Yosinski et al., arXiv:1506.06579) and
    jitter (Mordvintsev et al., 2015). Equal seeds give equal images on one machine.
    """
    frame = opened.preprocessing.frame
    generator = torch.Generator().manual_seed(seed)
    image = 0.1 * torch.randn(1, frame.channels, frame.height, frame.width, generator=generator)
    image = image.to(opened.device)
    far = min(8, int(JITTER * min(frame.height, frame.width)))
    needed = [p for p in opened.model.parameters() if p.requires_grad]
    try:
        for parameter in needed:
            parameter.requires_grad_(False)
        with opened.watching(layer) as found:
            for step in range(steps):
                shift = [int(torch.randint(-far, far + 1, (), generator=generator)) for _ in range(2)]
                moved = image.roll(shift, (2, 3)).requires_grad_()
                opened.model(moved * 1)  # the first layer may write over its input
                (gradient,) = torch.autograd.grad(found[0][:, unit].mean(), moved)
                gradient = gradient.roll([-s for s in shift], (2, 3))
                scale = gradient.square().mean().sqrt().clamp(min=1e-12)
                image = (1 - DECAY) * image.detach() + RATE * gradient / scale
                if step % BLUR_EVERY == BLUR_EVERY - 1 and step < steps - BLUR_EVERY:
                    image = gaussian_blur(image, [3, 3], [0.5, 0.5])
    finally:
        for parameter in needed:
            parameter.requires_grad_(True)
    return image[0].detach().cpu()

"""Looking into a network: filters, feature maps, strongest patches, activation maximisation (`archspec inspect`)."""

from archspec_torch.runtime.inspecting.looking import inspect

__all__ = ["inspect"]

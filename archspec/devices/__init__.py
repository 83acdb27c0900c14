"""Devices: what one can compute and move a second, as a small YAML file says; some come with archspec."""

from archspec.devices.model import KINDS, Device, Rates, Share
from archspec.devices.reading import device_names, load_device, written

__all__ = ["KINDS", "Device", "Rates", "Share", "device_names", "load_device", "written"]

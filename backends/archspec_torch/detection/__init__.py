"""What detectors compute beside convolutions, as plain functions of tensors: coding, suppression, matching, losses."""

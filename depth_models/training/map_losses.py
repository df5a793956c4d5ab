"""Losses of depth that was measured somewhere: relative to the frame, so that no unit matters.

Maps are [B,1,H,W]; `valid` is bool, True where the target is known. A target that is not may be any number
over 0.
"""

from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from depth_models.networks.anynet_wide import bilinear
from depth_models.training import vgg
from depth_models.training.mono_losses import mean

CONFIDENCE_WEIGHT = 0.2
CLOSE = 1.05  # ratio that confidence is the probability of


class Said(Protocol):
    """What a stage of a network says."""

    @property
    def depth(self) -> Tensor:
        """[B,1,H,W]"""

    @property
    def confidence(self) -> Tensor:
        """[B,1,h,w] logit, coarser than depth."""


def rms(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """[B] root mean square error, over 0 for its gradient's sake."""
    return (mean_of_each((depth - target).square(), valid) + 1e-10).sqrt()


def mean_of_each(values: Tensor, valid: Tensor) -> Tensor:
    """[B] means over what is valid, 0 where nothing is."""
    return torch.where(valid, values, 0.0).sum((1, 2, 3)) / valid.sum((1, 2, 3)).clamp(1)


def log_error(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute difference of the logarithms, of the target and of depth over 0 where it is valid."""
    # elsewhere depth may be 0: of a view of which nothing is known
    return mean(torch.abs(torch.log(torch.where(valid, depth.float(), 1.0)) - torch.log(target)), valid)


def vgg_loss(features: vgg.VGGFeatures, depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean square difference of features, L_VGG of the authors; where no truth is, nothing differs."""
    largest = torch.where(valid, target, 0.0).amax((1, 2, 3), keepdim=True).clamp(1e-6)
    seen = [(torch.where(valid, values, depth) / largest).clamp(0, 1).expand(-1, 3, -1, -1)
            for values in (depth, target)]
    return F.mse_loss(features(seen[0]), features(seen[1].detach()))


@lru_cache(maxsize=1)
def perceptual(path: str, device: str) -> vgg.VGGFeatures | None:
    """VGG-16's features on a device; None, and said once, where nobody has put the weights."""
    file = vgg.weights_file(path)
    if file is None:
        print(f'loss.vgg is off: no weights of VGG-16, neither in optimizer.loss.vgg_weights nor as '
              f'{vgg.FILE} in the cache of torch.hub', flush=True)
        return None
    return vgg.load(file).to(device)


def confidence_loss(output: Said, target: Tensor, valid: Tensor) -> Tensor:
    """Binary cross entropy of the confidence with what was right."""
    logit = at_size(output.confidence.float(), target)
    right = is_close(output.depth.detach().float(), target).float()
    return mean(F.binary_cross_entropy_with_logits(logit, right, reduction='none'), valid)


def is_close(depth: Tensor, target: Tensor) -> Tensor:
    """What confidence is the probability of: a ratio of the two within 1.05; both over 0."""
    ratio = depth / target
    return torch.maximum(ratio, 1 / ratio) < CLOSE


def at_size(cells: Tensor, like: Tensor) -> Tensor:
    """Confidence [B,1,h,w] at the size of a map, as the estimator brings it there."""
    return bilinear(cells, (like.shape[-2], like.shape[-1]))

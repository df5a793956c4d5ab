"""Losses of sparse depth. Maps are [B,1,H,W]; `valid` is bool, True where the target is known."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from depth_models.networks.anynet_wide import bilinear
from depth_models.networks.sparse_depth import SparseOutput
from depth_models.training import vgg
from depth_models.training.mono_losses import mean

CONFIDENCE_WEIGHT = 0.2
CLOSE = 1.05  # ratio that confidence is the probability of
LEAST = 0.005  # of the mean depth: a root mean square error below it is as good as none


@dataclass(frozen=True)
class SparseLossWeights:
    """
    Of the terms. The authors' loss is mse + alpha vgg, so `{ratio: 0, log: 0, mse: 1, vgg: ALPHA}`.

    ratio    root mean square error over that of stage 1, per frame. A squared error in m is about the few
             frames with a far background, and one in parts of the depth about those with the most
             borders; this counts how much better than the planes every frame is, whatever it is of.
    log      mean absolute difference of logarithms: what is near, and the many pixels off the borders
    mse      mean square of the error in parts of the frame's mean depth
    vgg      the same of the features of VGG-16 at conv 3.1, of depth in parts of the largest in the frame
    first    log and ratio of stage 1 itself (over the mean depth), for the few numbers that it learns
    """

    ratio: float = 1.0
    log: float = 5.0
    mse: float = 0.0
    vgg: float = 0.0
    first: float = 0.5
    vgg_weights: str = ''  # torchvision's file; empty: the one in torch's cache, if it is there

    def __post_init__(self) -> None:
        values = self.ratio, self.log, self.mse, self.vgg
        if min(*values, self.first) < 0 or not sum(values) > 0:
            raise ValueError(f'ratio, log, mse, vgg and first must be 0 or more, and one of the first four '
                             f'above, got {self}')


def sparse_loss(first: SparseOutput, second: SparseOutput, target: Tensor, *, valid: Tensor,
                weights: SparseLossWeights) -> Tensor:
    """Scalar loss of both stages and of their confidences. target: m, any number where not valid."""
    target = torch.where(valid, target, 1.0)
    size = mean_of_each(target, valid).clamp(1e-6)  # or what is divided by it is no number in empty frames
    errors = [rms(output.depth.float(), target, valid) for output in (first, second)]
    there = valid.any(-1).any(-1).any(-1).float()
    frames = there.sum().clamp(1)
    loss = weights.first * (log_error(first.depth, target, valid)
                            + (there * errors[0] / size).sum() / frames)
    loss = loss + weights.ratio * (there * errors[1] / (errors[0].detach() + LEAST * size)).sum() / frames
    if weights.log:
        loss = loss + weights.log * log_error(second.depth, target, valid)
    if weights.mse:
        loss = loss + weights.mse * (there * (errors[1] / size).square()).sum() / frames
    if weights.vgg and (features := perceptual(weights.vgg_weights, str(target.device))) is not None:
        loss = loss + weights.vgg * vgg_loss(features, second.depth.float(), target, valid)
    unsure = [confidence_loss(output, target, valid) for output in (first, second)]
    return loss + CONFIDENCE_WEIGHT * (unsure[0] + unsure[1])


def rms(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """[B] root mean square error, over 0 for its gradient's sake."""
    return (mean_of_each((depth - target).square(), valid) + 1e-10).sqrt()


def mean_of_each(values: Tensor, valid: Tensor) -> Tensor:
    """[B] means over what is valid, 0 where nothing is."""
    return torch.where(valid, values, 0.0).sum((1, 2, 3)) / valid.sum((1, 2, 3)).clamp(1)


def log_error(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute difference of the logarithms of depth, over 0 both."""
    return mean(torch.abs(torch.log(depth.float()) - torch.log(target)), valid)


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


def confidence_loss(output: SparseOutput, target: Tensor, valid: Tensor) -> Tensor:
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

"""Relative depth for training: what a network says of the image, or the truth made as bad as that.

Relative depth is inverse depth (large = near) of any scale and shift.
"""

from collections.abc import Hashable

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from depth_models.data.samples import DepthSample
from depth_models.estimators.depth_anything import FARTHEST, TRAINED_SIDE, load_model
from depth_models.estimators.relative_depth import RelativeDepth
from depth_models.frames import Map
from depth_models.networks.anynet_wide import bilinear
from depth_models.networks.depth_anything_graphs import depth_anything_graphs
from depth_models.training.super_resolution_config import RelativeConfig

KEPT = 4000  # whole views, 0.4 MB each at 512x384 px
NEAREST = 0.02  # quantile of depth that is nearest to 1: what is nearer would leave the rest no range
NOISE_GRIDS = (3, 12)  # cells along a view, from and to: of the patches of noise


class FrozenRelative:
    """What a network that is not trained says of whole views; said once of each, and then kept."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._network: RelativeDepth | None = None
        self._kept: dict[Hashable, np.ndarray] = {}

    def of(self, view: DepthSample, key: Hashable) -> np.ndarray:
        """[H,W] float16, in parts of its median. key: the same for the same view."""
        if key in self._kept:
            return self._kept[key]
        if self._network is None:  # only now, in the process that draws: it does not outlive a fork
            self._network = RelativeDepth.from_pretrained(self.source, engine='torch', device='cpu',
                                                          num_threads=1)
        inverse = self._network.compute(view.image)
        found = (inverse / max(float(np.median(inverse)), 1e-6)).astype(np.float16)
        if len(self._kept) < KEPT:
            self._kept[key] = found
        return found


def drawn_relative(rng: np.random.Generator, depth: Map, config: RelativeConfig) -> Map:
    """
    [H,W] 0..1 from true depth [H,W] m as a network might have told it: blurred, another curve of it, and
    wrong by what changes slowly over the view. What is unknown counts as far, as the sky is.
    """
    blur, curve, noise = rng.random(3) * (config.most_blur, 2 * config.most_curve, config.most_noise)
    cells = rng.integers(*NOISE_GRIDS, 2, endpoint=True)
    patches = rng.standard_normal((int(cells[0]), int(cells[1])), np.float32)
    known = np.isfinite(depth) & (depth > 0)
    if not known.any():
        return np.zeros(depth.shape, np.float32)
    near = np.float32(np.quantile(depth[known][::7], NEAREST))
    relative = np.where(known, np.minimum(near / np.where(known, depth, np.float32(1)), 1), np.float32(0))
    if blur > 0.3:  # px, of no effect below
        relative = cv2.GaussianBlur(relative, (0, 0), blur)
    relative = cv2.pow(relative, float(np.exp(curve - config.most_curve)))
    wrong = cv2.resize(patches, depth.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(relative + np.float32(noise) * wrong, np.float32)


class TrainedRelative(nn.Module):
    """Depth Anything as it is trained along: images [B,H,W,3] in 0..255 -> inverse depth [B,1,H,W]."""

    def __init__(self, source: str, shorter_side: int) -> None:
        """shorter_side: px, of the views that images are cropped from."""
        super().__init__()
        self.model = load_model(source).train()
        self.graph = depth_anything_graphs(self.model, '')[0].module
        self.scale = TRAINED_SIDE / shorter_side
        self.patch = int(self.model.config.patch_size)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[1:3]
        inner = [max(1, round(self.scale * side / self.patch)) * self.patch for side in (height, width)]
        resized = bilinear(image.permute(0, 3, 1, 2).float(), (inner[0], inner[1])).permute(0, 2, 3, 1)
        return torch.relu(bilinear(self.graph(resized)[0].float(), (height, width))) + FARTHEST

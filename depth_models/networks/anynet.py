"""
AnyNet: stereo in four stages, each a better answer than the one before.

Wang et al., "Anytime Stereo Image Depth Estimation on Mobile Devices", ICRA 2019, arXiv 1810.11408.

    stage 1   features down to 1/16; the whole disparity range           (section 3.2)
    stage 2   features at 1/8;  the estimate +- 2 columns of that grid   (section 3.2, residuals)
    stage 3   features at 1/4;  the same
    stage 4   spatial propagation guided by the left image               (section 3.3)

Shapes: B batch, C channels, H x W input image (multiples of 16), h x w the stage's own grid,
D candidates. Left and right images travel in one batch of 2B, left ones first; they are [H,W,3] as
cameras give them, for turning them is faster where the network does it.

Where the paper leaves room: the two full-resolution layers of the authors' code, one channel each,
are one 4x4 convolution of stride 2 here. Kernels of stride 2 are even, so every grid cell is
centred on the pixels that it covers, and upsampling with align_corners=False puts it back there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.cost_volume import (
    StageOutput,
    full_cost,
    peak_argmin,
    residual_cost,
    resize_disparity,
    soft_argmin,
    spread,
)
from depth_models.networks.spn import propagate

STAGES = 4
MEAN, STD = (123.7, 116.3, 103.5), (58.4, 57.1, 57.4)  # of R, G, B over natural images
COARSEST = 16  # px of the image in one cell of stage 1's grid; sizes must be a multiple of it


@dataclass(frozen=True)
class AnyNetConfig:
    """What fixes the shape of every weight; saved in the weight file's metadata."""

    channels: tuple[int, int, int] = (8, 16, 32)  # encoder at 1/4, 1/8, 1/16
    matching_channels: int = 16  # of the features compared at 1/16 and 1/8; 1/4 keeps its own
    volume_channels: tuple[int, int, int] = (8, 4, 4)  # 3D convolutions of stages 1, 2, 3
    volume_layers: tuple[int, int, int] = (5, 4, 4)
    refine_radius: int = 2  # columns of the stage's grid, to either side of the estimate
    propagation_channels: int = 16
    confidence_channels: int = 8

    def __post_init__(self) -> None:
        for name in ('channels', 'volume_channels', 'volume_layers'):
            values = getattr(self, name)
            if len(values) != 3 or min(values) < 1:
                raise ValueError(f'{name} must be three positive numbers, got {values}')
        if min(self.volume_layers) < 2:
            raise ValueError(f'volume_layers must be 2 or more, got {self.volume_layers}')
        if self.refine_radius < 1:
            raise ValueError(f'refine_radius must be 1 or more, got {self.refine_radius}')


class StageState(NamedTuple):
    """All that one stage hands to the next. Tensors only: a stage exports as one graph."""

    left_image: Tensor  # [B,H,W,3], 0..255
    steps: Tensor  # [B,1,H/4,W/4], see `steps_between_columns`
    features: Tensor  # [2B,C,h,w] of the stage's grid
    finer: tuple[Tensor, ...]  # encoder maps not used yet, [2B,C,2h,2w] and so on
    disparity: Tensor  # [B,1,h,w] columns of the stage's grid
    confidence: Tensor  # [B,1,h,w] logit
    logits: Tensor  # [B,D,h,w] of the stage's candidates; of stage 4: stage 3's


class AnyNet(nn.Module):
    """The whole method is `stages`, read from top to bottom."""

    def __init__(self, config: AnyNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AnyNetConfig()
        self.search = SearchStage(config)
        self.refine = nn.ModuleList([RefineStage(config, 1), RefineStage(config, 0)])
        self.propagate = PropagationStage(config)

    def stages(self, left: Tensor, right: Tensor, max_disparity: int = 192) -> Iterator[StageState]:
        """Yield the state after every stage; stop iterating to stop paying.

        left, right: [B,H,W,3] RGB in 0..255, uint8 or float, H and W multiples of 16.
        max_disparity: px, searched range, a positive multiple of 16. No weight depends on it.
        """
        state = self.search(torch.cat([left, right]), left, max_disparity)
        yield state
        for stage in (*self.refine, self.propagate):
            state = stage(state)
            yield state

    def forward(self, left: Tensor, right: Tensor, max_disparity: int = 192) -> list[StageOutput]:
        """All stages, for training, coarse first."""
        states = list(self.stages(left, right, max_disparity))
        return [at_full_size(state, searched=state is states[0]) for state in states]


def at_full_size(state: StageState, *, searched: bool = False) -> StageOutput:
    """What the stage says at the size of the image; searched: it compared the whole range."""
    size = (state.left_image.shape[1], state.left_image.shape[2])
    confidence = F.interpolate(state.confidence, size=size, mode='bilinear', align_corners=False)
    return StageOutput(resize_disparity(state.disparity, size), confidence,
                       state.logits if searched else None)


class SearchStage(nn.Module):
    """Stage 1: compare every candidate of the full range, at 1/16 of the resolution."""

    def __init__(self, config: AnyNetConfig) -> None:
        super().__init__()
        # in the network, so that preprocessing can neither be forgotten nor done twice
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer('mean', torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer('std', torch.tensor(STD).view(1, 3, 1, 1))
        self.encoder = Encoder(config)
        self.matching = nn.Conv2d(config.channels[2], config.matching_channels, 1)
        self.regularize = Volume(config.volume_channels[0], config.volume_layers[0])
        self.confidence = ConfidenceHead(4, config.confidence_channels)

    def forward(self, images: Tensor, left_image: Tensor, max_disparity: int) -> StageState:
        """images: left and right in one batch; left_image: the left ones again, as they are."""
        if max_disparity < COARSEST or max_disparity % COARSEST:
            raise ValueError(
                f'max_disparity must be a positive multiple of {COARSEST} px, got {max_disparity}')
        height, width = images.shape[1:3]
        if height % COARSEST or width % COARSEST:
            raise ValueError(f'image height and width must be multiples of {COARSEST} px, '
                             f'got {height} and {width}')
        steps = steps_between_columns(left_image)
        # normalized before the axes are turned: engines do both in one pass over the image
        images = (images.to(self.mean.dtype) - self.mean.flatten()) / self.std.flatten()
        quarter, eighth, features = self.encoder(images.permute(0, 3, 1, 2))
        left, right = self.matching(features).chunk(2)
        candidates = torch.arange(max_disparity // COARSEST, dtype=left.dtype, device=left.device)
        cost = full_cost(left, right, len(candidates))  # [B,D,h,w]
        logits = self.regularize(cost)
        probability = F.softmax(logits, dim=1)
        disparity, _ = peak_argmin(probability, candidates)
        evidence = torch.cat([
            spread(probability, candidates, disparity),
            (probability * cost).sum(1, keepdim=True),
            texture(steps, 4)], dim=1)
        return StageState(left_image, steps, features, (eighth, quarter), disparity,
                          self.confidence(evidence.detach()), logits)


class RefineStage(nn.Module):
    """Stages 2 and 3: double the resolution, then correct the estimate by a few columns."""

    def __init__(self, config: AnyNetConfig, level: int) -> None:
        super().__init__()
        channels = config.channels[level]
        self.decode = convolution(channels + config.channels[level + 1], channels)
        self.matching = nn.Conv2d(channels, min(channels, config.matching_channels), 1)
        self.regularize = Volume(config.volume_channels[2 - level], config.volume_layers[2 - level])
        self.confidence = ConfidenceHead(5, config.confidence_channels)
        self.radius = config.refine_radius
        self.cell = 2 ** level  # cells of the grid of 1/4 in one of this stage's, along a side
        self.offsets: Tensor
        self.register_buffer(
            'offsets', torch.arange(-self.radius, self.radius + 1.0), persistent=False)

    def forward(self, state: StageState) -> StageState:
        skip, *finer = state.finer
        size = (skip.shape[-2], skip.shape[-1])
        features = F.interpolate(state.features, size, mode='bilinear', align_corners=False)
        features = self.decode(torch.cat([features, skip], dim=1))
        left, right = self.matching(features).chunk(2)
        estimate = resize_disparity(state.disparity, size)
        cost = residual_cost(left, right, estimate, self.radius)  # [B,D,h,w]
        logits = self.regularize(cost)
        probability = F.softmax(logits, dim=1)
        correction = soft_argmin(probability, self.offsets)
        previous = F.interpolate(state.confidence, size, mode='bilinear', align_corners=False)
        evidence = torch.cat([
            previous,
            spread(probability, self.offsets, correction),
            (probability * cost).sum(1, keepdim=True),
            texture(state.steps, self.cell)], dim=1)
        return StageState(state.left_image, state.steps, features, tuple(finer),
                          estimate + correction, self.confidence(evidence.detach()), logits)


class PropagationStage(nn.Module):
    """Stage 4: let sure pixels speak for unsure neighbours, but not across edges of the image.

    A few convolutions see the left image, its features, the disparity and the confidence, and say
    how much every pixel takes from its neighbour in each of four directions (the gates), and how
    the results mix: first along the rows, then along the columns of what the rows gave.
    """

    def __init__(self, config: AnyNetConfig) -> None:
        super().__init__()
        channels = config.propagation_channels
        self.guide = nn.Sequential(
            convolution(3 + config.channels[0] + 2, channels), convolution(channels, channels))
        self.gates = nn.Conv2d(channels, 4, 3, padding=1)
        self.mix = nn.Conv2d(channels, 6, 3, padding=1)
        self.confidence = ConfidenceHead(5, config.confidence_channels)
        biases = {self.gates: [-1.0] * 4, self.mix: [2.0, 0.0, 0.0, 2.0, 0.0, 0.0]}
        for layer, start in biases.items():  # close to the identity
            layer.bias = nn.Parameter(torch.tensor(start))

    def forward(self, state: StageState) -> StageState:
        disparity = state.disparity
        image = means_of_blocks(state.left_image, 4)
        features = state.features.chunk(2)[0]
        guide = self.guide(torch.cat([
            image, features, state.confidence.detach(),
            (disparity - disparity.mean((2, 3), keepdim=True)).detach() / 8.0], dim=1))
        gates = torch.sigmoid(self.gates(guide)).split(1, dim=1)
        rows, columns = self.mix(guide).chunk(2, dim=1)
        refined = mixed(disparity, rows, [
            propagate(disparity, gates[0], axis=-1, reverse=False),
            propagate(disparity, gates[1], axis=-1, reverse=True)])
        refined = mixed(refined, columns, [
            propagate(refined, gates[2], axis=-2, reverse=False),
            propagate(refined, gates[3], axis=-2, reverse=True)])
        evidence = torch.cat([
            state.confidence, (refined - disparity).abs(),
            # a step of the disparity nearby: half of the errors live there
            (F.max_pool2d(refined, 3, 1, 1) + F.max_pool2d(-refined, 3, 1, 1)),
            texture(state.steps, 1)], dim=1)
        return StageState(state.left_image, state.steps, state.features, state.finer, refined,
                          self.confidence(evidence.detach()), state.logits)


class Encoder(nn.Module):
    """U-Net's way down, shared by both images: 1/4, 1/8, 1/16. The way up belongs to the stages."""

    def __init__(self, config: AnyNetConfig) -> None:
        super().__init__()
        quarter, eighth, sixteenth = config.channels
        self.quarter = nn.Sequential(
            convolution(3, quarter, kernel=4, stride=2),
            convolution(quarter, quarter, kernel=4, stride=2),
            convolution(quarter, quarter))
        self.eighth = nn.Sequential(
            nn.MaxPool2d(2), convolution(quarter, eighth), convolution(eighth, eighth))
        self.sixteenth = nn.Sequential(
            nn.MaxPool2d(2), convolution(eighth, sixteenth), convolution(sixteenth, sixteenth))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        quarter = self.quarter(images)
        eighth = self.eighth(quarter)
        return quarter, eighth, self.sixteenth(eighth)


class Volume(nn.Module):
    """3D convolutions over a cost volume: [B,D,h,w] cost -> [B,D,h,w] logits of a match."""

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        widths = [1, *[channels] * (layers - 1)]
        self.layers = nn.Sequential(
            *[nn.Sequential(nn.Conv3d(a, b, 3, padding=1, bias=False), nn.BatchNorm3d(b),
                            nn.ReLU(inplace=True))
              for a, b in pairwise(widths)],
            nn.Conv3d(channels, 1, 3, padding=1))

    def forward(self, cost: Tensor) -> Tensor:
        # the convolutions correct the cost rather than replace it: training starts from matching
        return self.layers(cost[:, None])[:, 0] - cost


class ConfidenceHead(nn.Module):
    """Logit that the disparity is right, from what the stage saw: [B,E,h,w] -> [B,1,h,w].

    Its inputs are detached: it learns to tell good from bad, and never bends the matching.
    """

    def __init__(self, evidence: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(evidence, channels, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(channels, 1, 1))

    def forward(self, evidence: Tensor) -> Tensor:
        return self.layers(evidence)


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU; size divided by `stride`."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def mixed(own: Tensor, weights: Tensor, others: list[Tensor]) -> Tensor:
    """Convex combination [B,1,h,w] of a map and its propagations, weights [B,1+n,h,w] as logits."""
    return (torch.cat([own, *others], dim=1) * F.softmax(weights, dim=1)).sum(1, keepdim=True)


def means_of_blocks(image: Tensor, size: int) -> Tensor:
    """[B,H,W,3] in 0..255 -> normalized means of its blocks [B,3,H/size,W/size].

    A convolution, because engines pool three channels ten times slower.
    """
    mean, std = (torch.tensor(values, device=image.device).view(1, 3, 1, 1) for values in (MEAN, STD))
    weights = torch.full((3, 1, size, size), 1 / size ** 2, device=image.device)
    return (F.conv2d(image.to(weights.dtype).permute(0, 3, 1, 2), weights, stride=size, groups=3)
            - mean) / std


def steps_between_columns(image: Tensor) -> Tensor:
    """Mean step between neighbouring columns, [B,H,W,3] -> [B,1,H/4,W/4].

    Of green, the brightest, and in its standard deviations.
    """
    green = image[..., 1].float()[:, None]
    steps = F.pad((green[..., 1:] - green[..., :-1]).abs(), (0, 1))
    return F.avg_pool2d(steps, 4) / STD[1]


def texture(steps: Tensor, cell: int) -> Tensor:
    """How much there is to match [B,2,h,w]: in each cell, and in the whole image.

    As a logarithm, because it matters whether there is a little or nothing at all. A plain wall in
    a room may be right by what surrounds it; in a black image nothing is.
    """
    levels = torch.log(F.avg_pool2d(steps, cell) + 0.003)  # a tenth of a good sensor's noise
    return torch.cat([levels, levels.mean((2, 3), keepdim=True).expand_as(levels)], dim=1) + 3.0

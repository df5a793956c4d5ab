"""
A wider AnyNet, for machines with room: the same idea, and a search on a grid twice as fine.

    stage 1   the whole disparity range at 1/8
    stage 2   1/4; the estimate +- a few columns of that grid
    stage 3   the same once more, around the better estimate
    stage 4   spatial propagation, then the full resolution by convex upsampling

Coarse to fine and anytime as Wang et al. (ICRA 2019, arXiv 1810.11408), and the same input: left and
right [B,H,W,3] RGB in 0..255. What differs, and where it comes from: costs are compared in groups of
channels (GwcNet, Guo et al., CVPR 2019); the search is aggregated by a small 3D hourglass whose
channels the left image excites (CoEx, Bangunharcana et al., IROS 2021); the corrections come from 2D
networks that see the image's features beside the costs; the last step to full resolution mixes the
nine neighbours of a cell with learned weights (RAFT, Teed and Deng, ECCV 2020).

Shapes: B batch, C channels, G groups, D candidates, H x W image (multiples of 32), h x w a grid.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.networks.anynet import (
    MEAN,
    STD,
    ConfidenceHead,
    convolution,
    mixed,
    steps_between_columns,
    texture,
)
from depth_models.networks.cost_volume import (
    StageOutput,
    full_group_cost,
    peak_argmin,
    residual_group_cost,
    resize_disparity,
    soft_argmin,
    spread,
)
from depth_models.networks.spn import propagate

COARSEST = 32  # px; sizes must be a multiple of it, for the hourglass's and the encoder's last level
SEARCH = 8  # px of the image in one cell of stage 1's grid
FINER = 4  # from stage 3's grid to the image


@dataclass(frozen=True)
class AnyNetWideConfig:
    """What fixes the shape of every weight; saved in the weight file's metadata."""

    channels: tuple[int, int, int, int] = (16, 32, 48, 64)  # encoder at 1/2, 1/4, 1/8, 1/16
    matching_channels: tuple[int, int] = (32, 16)  # compared at 1/8 and 1/4
    groups: tuple[int, int] = (4, 4)  # of those channels, each with a cost of its own
    volume_channels: tuple[int, int, int] = (16, 24, 32)  # of the hourglass at 1/8, 1/16, 1/32
    radii: tuple[int, int] = (3, 2)  # columns to either side of the estimate, stages 2 and 3
    correction_channels: tuple[int, int] = (40, 32)  # of the 2D networks of stages 2 and 3
    hidden_channels: int = 16  # what a stage tells the next beside its estimate
    propagation_channels: int = 24
    confidence_channels: int = 8

    def __post_init__(self) -> None:
        for name, length in (('channels', 4), ('matching_channels', 2), ('groups', 2),
                             ('volume_channels', 3), ('radii', 2), ('correction_channels', 2)):
            values = getattr(self, name)
            if len(values) != length or min(values) < 1:
                raise ValueError(f'{name} must be {length} positive numbers, got {values}')
        for channels, groups in zip(self.matching_channels, self.groups):
            if channels % groups:
                raise ValueError(f'matching_channels must be multiples of groups, got '
                                 f'{self.matching_channels} and {self.groups}')


class WideState(NamedTuple):
    """All that one stage hands to the next. Tensors only: a stage exports as one graph."""

    left_image: Tensor  # [B,H,W,3], 0..255
    steps: Tensor  # [B,1,H/4,W/4], see `steps_between_columns`
    features: Tensor  # [2B,C,h,w] of the stage's grid
    skip: Tensor  # [2B,C,H/4,W/4] encoder's map, for stage 2
    hidden: Tensor  # [B,C,h,w] of the left view
    disparity: Tensor  # [B,1,h,w] columns of the stage's grid
    confidence: Tensor  # [B,1,h,w] logit
    logits: Tensor  # [B,D,h,w] of the candidates of stage 1, for its loss; later stages: of theirs


class AnyNetWide(nn.Module):
    """The whole method is `stages`, read from top to bottom."""

    def __init__(self, config: AnyNetWideConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AnyNetWideConfig()
        self.search = SearchStage(config)
        self.refine = nn.ModuleList([CorrectionStage(config, 0), CorrectionStage(config, 1)])
        self.propagate = FullResolutionStage(config)

    def stages(self, left: Tensor, right: Tensor, max_disparity: int = 192) -> Iterator[WideState]:
        """Yield the state after every stage; stop iterating to stop paying.

        left, right: [B,H,W,3] RGB in 0..255, uint8 or float, H and W multiples of 32.
        max_disparity: px, searched range, a positive multiple of 32. No weight depends on it.
        """
        state = self.search(torch.cat([left, right]), left, max_disparity)
        yield state
        for stage in (*self.refine, self.propagate):
            state = stage(state)
            yield state


    def forward(self, left: Tensor, right: Tensor, max_disparity: int = 192) -> list[StageOutput]:
        """All stages, for training, coarse first."""
        size = (left.shape[1], left.shape[2])
        return [StageOutput(resize_disparity(state.disparity, size), bilinear(state.confidence, size),
                            state.logits if number == 0 else None)
                for number, state in enumerate(self.stages(left, right, max_disparity))]


class SearchStage(nn.Module):
    """Stage 1: compare every candidate of the full range, at 1/8 of the resolution."""

    def __init__(self, config: AnyNetWideConfig) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer('mean', torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer('std', torch.tensor(STD).view(1, 3, 1, 1))
        self.groups = config.groups[0]
        self.encoder = Encoder(config)
        self.matching = nn.Conv2d(config.channels[2], config.matching_channels[0], 1)
        self.regularize = Hourglass(config)
        self.hidden = convolution(config.channels[2] + 3, config.hidden_channels)
        self.confidence = ConfidenceHead(5, config.confidence_channels)

    def forward(self, images: Tensor, left_image: Tensor, max_disparity: int) -> WideState:
        """images: left and right in one batch; left_image: the left ones again, as they are."""
        if max_disparity < COARSEST or max_disparity % COARSEST:
            raise ValueError(
                f'max_disparity must be a positive multiple of {COARSEST} px, got {max_disparity}')
        height, width = images.shape[1:3]
        if height % COARSEST or width % COARSEST:
            raise ValueError(f'image height and width must be multiples of {COARSEST} px, '
                             f'got {height} and {width}')
        steps = steps_between_columns(left_image)
        images = (images.to(self.mean.dtype) - self.mean.flatten()) / self.std.flatten()
        quarter, features = self.encoder(images.permute(0, 3, 1, 2))
        left, right = self.matching(features).chunk(2)
        candidates = torch.arange(max_disparity // SEARCH, dtype=left.dtype, device=left.device)
        cost = full_group_cost(left, right, len(candidates), self.groups)  # [B,G,D,h,w]
        left_features = features.chunk(2)[0]
        logits = self.regularize(cost, left_features)  # [B,D,h,w]
        probability = F.softmax(logits, dim=1)
        disparity, mass = peak_argmin(probability, candidates)
        unsure = spread(probability, candidates, disparity)
        matched = (probability * cost.mean(1)).sum(1, keepdim=True)
        hidden = self.hidden(torch.cat([left_features, mass, unsure, matched], dim=1))
        evidence = torch.cat([mass, unsure, matched, texture(steps, 2)], dim=1)
        return WideState(left_image, steps, features, quarter, hidden, disparity,
                         self.confidence(evidence.detach()), logits)


class CorrectionStage(nn.Module):
    """Stages 2 and 3, both at 1/4: correct the estimate by a few columns, then once more.

    A candidate's logit starts from its cost, as in stage 1; the network adds to it what the image
    and the neighbourhood say, and a plain correction, which matches beyond the radius need.
    """

    def __init__(self, config: AnyNetWideConfig, number: int) -> None:
        super().__init__()
        own, coarser, _ = config.channels[1:]
        self.groups, self.radius = config.groups[1], config.radii[number]
        width, hidden = config.correction_channels[number], config.hidden_channels
        self.decode = convolution(own + coarser, own) if number == 0 else None
        self.matching = nn.Conv2d(own, config.matching_channels[1], 1)
        self.correct = SmallUNet(own + self.groups * (2 * self.radius + 1) + 2 + hidden, width)
        self.logits = nn.Conv2d(width, 2 * self.radius + 1, 3, padding=1)
        self.plain = nn.Conv2d(width, 1, 3, padding=1)
        self.hidden = convolution(width, hidden)
        self.confidence = ConfidenceHead(6, config.confidence_channels)
        self.cost_weight = nn.Parameter(torch.tensor(4.0))
        self.offsets: Tensor
        self.register_buffer(
            'offsets', torch.arange(-self.radius, self.radius + 1.0), persistent=False)
        for layer in (self.logits, self.plain):  # training starts from matching
            nn.init.zeros_(layer.weight)

    def forward(self, state: WideState) -> WideState:
        if self.decode is None:
            features, estimate, hidden = state.features, state.disparity, state.hidden
            previous = state.confidence
        else:
            size = (state.skip.shape[-2], state.skip.shape[-1])
            features = self.decode(torch.cat([bilinear(state.features, size), state.skip], dim=1))
            estimate, hidden = resize_disparity(state.disparity, size), bilinear(state.hidden, size)
            previous = bilinear(state.confidence, size)
        left, right = self.matching(features).chunk(2)
        # the correction is judged, not the way that led to the estimate: no gradient through warping
        cost = residual_group_cost(left, right, estimate.detach(), self.radius, self.groups)
        seen = self.correct(torch.cat([
            features.chunk(2)[0], cost.flatten(1, 2), relief(estimate.detach()), previous.detach(),
            hidden], dim=1))
        mean_cost = cost.mean(1)
        logits = self.logits(seen) - self.cost_weight * mean_cost
        probability = F.softmax(logits, dim=1)
        correction = soft_argmin(probability, self.offsets) + self.plain(seen)
        evidence = torch.cat([
            previous, spread(probability, self.offsets, correction),
            (probability * mean_cost).sum(1, keepdim=True), correction.abs(),
            texture(state.steps, 1)], dim=1)
        return WideState(state.left_image, state.steps, features, state.skip, self.hidden(seen),
                         estimate + correction, self.confidence(evidence.detach()), logits)


class FullResolutionStage(nn.Module):
    """Stage 4: sure pixels speak for unsure neighbours (as AnyNet's SPNet), then full resolution."""

    def __init__(self, config: AnyNetWideConfig) -> None:
        super().__init__()
        channels = config.propagation_channels
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer('mean', torch.tensor(MEAN))
        self.register_buffer('std', torch.tensor(STD))
        self.look = nn.Conv2d(3, channels, 4, 4)  # at the image itself, block by block
        self.guide = nn.Sequential(
            convolution(channels + config.channels[1] + config.hidden_channels + 2, channels),
            convolution(channels, channels))
        self.gates = nn.Conv2d(channels, 4, 3, padding=1)
        self.mix = nn.Conv2d(channels, 6, 3, padding=1)
        self.fine = nn.Sequential(
            convolution(2 * channels, 2 * channels), nn.Conv2d(2 * channels, 9 * FINER ** 2, 1))
        self.confidence = ConfidenceHead(5, config.confidence_channels)
        biases = {self.gates: [-2.0] * 4, self.mix: [2.0, 0.0, 0.0, 2.0, 0.0, 0.0]}
        for layer, start in biases.items():  # close to the identity
            layer.bias = nn.Parameter(torch.tensor(start))

    def forward(self, state: WideState) -> WideState:
        disparity = state.disparity
        image = (state.left_image.to(self.mean.dtype) - self.mean) / self.std
        blocks = F.relu(self.look(image.permute(0, 3, 1, 2)))
        guide = self.guide(torch.cat([
            blocks, state.features.chunk(2)[0], state.hidden, state.confidence.detach(),
            relief(disparity.detach())], dim=1))
        gates = torch.sigmoid(self.gates(guide)).split(1, dim=1)
        rows, columns = self.mix(guide).chunk(2, dim=1)
        refined = mixed(disparity, rows, [
            propagate(disparity, gates[0], axis=-1, reverse=False),
            propagate(disparity, gates[1], axis=-1, reverse=True)])
        refined = mixed(refined, columns, [
            propagate(refined, gates[2], axis=-2, reverse=False),
            propagate(refined, gates[3], axis=-2, reverse=True)])
        fine = convex_upsampling(refined, self.fine(torch.cat([blocks, guide], dim=1)), FINER)
        evidence = torch.cat([
            state.confidence, (refined - disparity).abs(),
            # a step of the disparity nearby: half of the errors live there
            (F.max_pool2d(refined, 3, 1, 1) + F.max_pool2d(-refined, 3, 1, 1)),
            texture(state.steps, 1)], dim=1)
        return WideState(state.left_image, state.steps, state.features, state.skip, state.hidden,
                         fine, self.confidence(evidence.detach()), state.logits)


class Encoder(nn.Module):
    """Shared by both images: the map at 1/4, and the one at 1/8 with what 1/16 knows."""

    def __init__(self, config: AnyNetWideConfig) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = config.channels
        self.to_half = nn.Sequential(convolution(3, half, kernel=4, stride=2), convolution(half, half))
        self.to_quarter = nn.Sequential(
            convolution(half, quarter, kernel=4, stride=2), convolution(quarter, quarter))
        self.to_eighth = nn.Sequential(
            convolution(quarter, eighth, kernel=4, stride=2), convolution(eighth, eighth))
        self.to_sixteenth = nn.Sequential(
            convolution(eighth, sixteenth, kernel=4, stride=2), convolution(sixteenth, sixteenth),
            convolution(sixteenth, sixteenth))
        self.up = convolution(eighth + sixteenth, eighth)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        quarter = self.to_quarter(self.to_half(images))
        eighth = self.to_eighth(quarter)
        sixteenth = bilinear(self.to_sixteenth(eighth), (eighth.shape[-2], eighth.shape[-1]))
        return quarter, self.up(torch.cat([eighth, sixteenth], dim=1))


class Hourglass(nn.Module):
    """Aggregation of a cost volume [B,G,D,h,w] to logits [B,D,h,w], guided by the left features."""

    def __init__(self, config: AnyNetWideConfig) -> None:
        super().__init__()
        eighth, sixteenth, least = config.volume_channels
        self.start = nn.Sequential(convolution_3d(config.groups[0], eighth), convolution_3d(eighth, eighth))
        self.excite = nn.Conv2d(config.channels[2], eighth, 1)
        # pooled, not strided: a coarse cell is then centred on the eight that it covers
        self.down = nn.Sequential(
            nn.AvgPool3d(2), convolution_3d(eighth, sixteenth), convolution_3d(sixteenth, sixteenth))
        self.bottom = nn.Sequential(
            nn.AvgPool3d(2), convolution_3d(sixteenth, least), convolution_3d(least, least))
        self.up = nn.ModuleList([nn.Conv3d(least, sixteenth, 1), nn.Conv3d(sixteenth, eighth, 1)])
        self.join = convolution_3d(sixteenth, sixteenth)
        self.end = convolution_3d(eighth, eighth)
        self.logits = nn.Conv3d(eighth, 1, 3, padding=1)
        self.cost_weight = nn.Parameter(torch.tensor(4.0))
        # corrects the cost rather than replacing it: training starts from matching
        nn.init.zeros_(self.logits.weight)

    def forward(self, cost: Tensor, features: Tensor) -> Tensor:
        start = self.start(cost) * torch.sigmoid(self.excite(features))[:, :, None]
        down = self.down(start)
        down = self.join(down + trilinear(self.up[0](self.bottom(down)), down))
        end = self.end(start + trilinear(self.up[1](down), start))
        return self.logits(end)[:, 0] - self.cost_weight * cost.mean(1)


class SmallUNet(nn.Module):
    """Two levels of plain convolutions: [B,C,h,w] -> [B,width,h,w]."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        deeper = width * 3 // 2
        self.start = convolution(inputs, width)
        self.down = nn.Sequential(
            convolution(width, deeper, kernel=4, stride=2), convolution(deeper, deeper),
            convolution(deeper, width))
        self.end = convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        start = self.start(x)
        return self.end(start + bilinear(self.down(start), (start.shape[-2], start.shape[-1])))


def convolution_3d(inputs: int, outputs: int) -> nn.Sequential:
    """3D convolution of kernel 3, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


def bilinear(x: Tensor, size: tuple[int, int]) -> Tensor:
    """[B,C,h,w] resized to `size`."""
    return F.interpolate(x, size=size, mode='bilinear', align_corners=False)


def trilinear(x: Tensor, like: Tensor) -> Tensor:
    """[B,C,D,h,w] resized to the size of `like`."""
    d, h, w = like.shape[-3:]
    return F.interpolate(x, size=(d, h, w), mode='trilinear', align_corners=False)


def relief(disparity: Tensor) -> Tensor:
    """How a disparity map [B,1,h,w] differs from its surroundings, columns: edges and outliers."""
    return disparity - F.avg_pool2d(disparity, 5, stride=1, padding=2, count_include_pad=False)


def convex_upsampling(disparity: Tensor, weights: Tensor, times: int) -> Tensor:
    """
    Every new cell is a convex mix of the nine old ones around it (RAFT, section 3.3).

    disparity: [B,1,h,w] columns; weights: [B,9*times*times,h,w] logits, for every sub-cell nine.
    The result [B,1,times*h,times*w] counts columns of its own grid.
    """
    weights = F.softmax(weights.unflatten(1, (9, -1)), dim=1)
    height, width = disparity.shape[-2:]
    padded = F.pad(times * disparity, (1, 1, 1, 1), mode='replicate')
    mixed_ = torch.stack([weights[:, 3 * y + x] * padded[..., y:y + height, x:x + width]
                          for y in range(3) for x in range(3)]).sum(0)
    return F.pixel_shuffle(mixed_, times)

"""Training of stereo networks: `depth-nodes train stereo`."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depth_models.data import textures
from depth_models.evaluation import pictures
from depth_models.frames import Image
from depth_models.networks import stereo_networks
from depth_models.networks.cost_volume import StageOutput
from depth_models.training import stereo_checks
from depth_models.training.config import DataConfig, OptimizerConfig, TrainerConfig, TrainingConfig
from depth_models.training.losses import is_right, stereo_loss
from depth_models.training.stereo_batches import Mixture, StereoBatch, draw_batch
from depth_models.training.task import Draw, Loss, Sections, Task

FIGURES = ('epe', 'bad1', 'bad2', 'sure_minus_right')


class StereoTask(Task[StereoBatch]):
    """Pairs in, disparity of every stage out."""

    name = 'stereo'
    kinds = stereo_networks.KINDS
    sections = Sections(DataConfig, OptimizerConfig, TrainerConfig)
    samples, picture = 'pairs', 'pair'
    faster = ', or write the pairs once with depth-nodes generate'

    def warm_up(self, data: DataConfig) -> None:
        textures.atlas(), textures.light_map()

    def open(self, data: DataConfig, *, validation: bool = False) -> Draw[StereoBatch]:
        return partial(draw_batch, Mixture(data.sources, data.augment), data)

    def loss(self, network: nn.Module, batch: StereoBatch, config: TrainingConfig, *, parts: bool) -> Loss:
        outputs = _outputs(network, batch, config)
        loss = stereo_loss(outputs, batch.disparity, valid=batch.valid, matchable=batch.matchable)
        if not parts:
            return Loss(loss, {})
        return Loss(loss, {f'loss_stage_{stage}': value for stage, value in enumerate(
            stage_losses(outputs, batch), start=1)})

    def figures(self, config: TrainingConfig) -> tuple[str, ...]:
        return tuple(f'{name}_{stage}' for stage in range(1, stereo_networks.STAGES + 1) for name in FIGURES)

    def judge(self, network: nn.Module, batch: StereoBatch, config: TrainingConfig) -> Iterator[Tensor]:
        """EPE [px], bad-1, bad-2 and calibration of every stage, pair by pair, blank ones left out."""
        outputs = _outputs(network, batch, config)
        for pair in range(len(batch.left)):
            valid = batch.valid[pair] & batch.matchable[pair]
            if valid.any():
                values = torch.cat([
                    _figures(output.disparity[pair][valid], output.confidence[pair][valid],
                             batch.disparity[pair][valid]) for output in outputs])
                yield torch.stack([values, torch.ones_like(values)])

    def sheets(self, network: nn.Module, batch: StereoBatch, wanted: range, config: TrainingConfig, title: str
               ) -> Iterator[Image]:
        maps = [output.disparity for output in network(batch.left, batch.right, config.data.max_disparity)]
        return (sheet(batch, maps, pair, title) for pair in wanted)

    def check_source(self, config: TrainingConfig, number: int) -> str:
        true, more, less, none = stereo_checks.check_source(config, number)
        return (f'left image explained by the right one to {true:.1f} grey levels, {more:.1f} and '
                f'{less:.1f} with the truth {stereo_checks.OFF:g} px off, {none:.1f} without it')


def _outputs(network: nn.Module, batch: StereoBatch, config: TrainingConfig) -> list[StageOutput]:
    outputs = network(batch.left, batch.right, config.data.max_disparity)
    # losses in full precision, whatever the network computed in
    return [StageOutput(
        output.disparity.float(), output.confidence.float(),
        None if output.match_logits is None else output.match_logits.float()) for output in outputs]


@torch.no_grad()
def stage_losses(outputs: list[StageOutput], batch: StereoBatch) -> Tensor:
    """Smooth L1 of every stage over known, matchable pixels [px]."""
    use = (batch.valid & batch.matchable).to(batch.disparity.dtype)
    return torch.stack([
        (F.smooth_l1_loss(output.disparity, batch.disparity, reduction='none') * use).sum()
        for output in outputs]) / use.sum().clamp(1)


def _figures(disparity: Tensor, confidence: Tensor, target: Tensor) -> Tensor:
    """FIGURES over the pixels of one pair."""
    error = (disparity - target).abs()
    sure = torch.sigmoid(confidence) - is_right(disparity, target).float()
    return torch.stack([error.mean(), (error > 1).float().mean(), (error > 2).float().mean(), sure.mean()])


def sheet(batch: StereoBatch, stages: list[Tensor], pair: int, title: str) -> Image:
    """Left image, truth, every stage and the last one's error, uint8 RGB [H,W,3]."""
    truth = torch.where(batch.valid, batch.disparity, torch.nan)[pair, 0].cpu().numpy()
    high = float(batch.disparity[pair].max()) + 1.0
    maps = [stage[pair, 0].float().cpu().numpy() for stage in stages]
    panels = [pictures.photo(batch.left[pair].cpu().numpy()),
              pictures.disparity_panel(truth, high=high, title='truth'),
              *(pictures.disparity_panel(disparity, high=high, title=f'stage {number}')
                for number, disparity in enumerate(maps, start=1)),
              pictures.error_panel(estimate=maps[-1], target=truth, title=f'error of stage {len(maps)}')]
    return pictures.sheet(title, panels, columns=4, panel_width=320)

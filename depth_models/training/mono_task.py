"""Training of depth from one image: `depth-nodes train mono` and `depth-nodes train coarse_to_fine`."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from depth_models.data.samples import DepthSample
from depth_models.estimators.mono import SHORTER_SIDE
from depth_models.evaluation import pictures
from depth_models.evaluation.mono_figures import Rules, judge
from depth_models.frames import Image, Map
from depth_models.networks.coarse_to_fine import CoarseToFine
from depth_models.networks.mono_networks import KINDS
from depth_models.networks.mono_parts import DepthOutput
from depth_models.training import mono_checks
from depth_models.training.config import TrainerConfig, TrainingConfig
from depth_models.training.mono_batches import MonoBatch, Views, draw_ahead
from depth_models.training.mono_config import (
    CoarseToFineOptimizerConfig,
    CoarseToFineTrainerConfig,
    MonoDataConfig,
    UNetOptimizerConfig,
)
from depth_models.training.mono_losses import coarse_to_fine_loss, is_close, mean, unet_loss, usable
from depth_models.training.photographs import encoder_weights
from depth_models.training.task import Draw, Loss, Sections, Task

# of evaluation.mono_figures, scaled by the ratio of the medians; then: mean confidence less how often
# it was right
JUDGED = ('abs_rel', 'rmse', 'silog', 'd1', 'rmse_edges')
CALIBRATION = 'sure_minus_right'


class MonoTask(Task[MonoBatch]):
    """Views in, depth of every stage out."""

    stages: ClassVar[int]
    samples, picture = 'views', 'view'
    faster = '; generated ones come faster once all of data.views were drawn'

    def warm_up(self, data: MonoDataConfig) -> None:
        draw_ahead(data)

    def open(self, data: MonoDataConfig, *, validation: bool = False) -> Draw[MonoBatch]:
        return Views(data, use='validation' if validation else 'training').batch

    @abstractmethod
    def outputs(self, network: nn.Module, image: Tensor) -> Sequence[DepthOutput]:
        """What every stage says."""

    def figures(self, config: TrainingConfig) -> tuple[str, ...]:
        return tuple(f'{name}_{stage}' for stage in range(1, self.stages + 1)
                     for name in (*JUDGED, CALIBRATION))

    def judge(self, network: nn.Module, batch: MonoBatch, config: TrainingConfig) -> Iterator[Tensor]:
        """As evaluation does it, up to the largest depth that the network can say."""
        largest = config.network.max_depth
        rules = Rules(max_depth=largest)
        truth, use = usable(batch.depth, batch.valid & (batch.depth > rules.min_depth), largest)
        targets = torch.where(use & (truth < largest), truth, torch.nan)[:, 0].cpu().numpy()
        outputs = self.outputs(network, batch.image)
        for view, target in enumerate(targets):
            if not np.isfinite(target).any():
                continue
            one, values = slice(view, view + 1), []
            for output in outputs:
                found = judge(largest * output.depth[view, 0].float().cpu().numpy(), target, rules)
                right = is_close(output.depth[one].float(), truth[one], use[one])
                sure = mean(torch.sigmoid(output.confidence[one].float()) - right.float(), use[one])
                values += [*(found[name] for name in JUDGED), sure.item()]
            sample = torch.tensor(values, device=batch.depth.device)
            applies = ~torch.isnan(sample)
            # of edges there may be none; anything else that is no number has to be seen
            counts = applies | ~torch.tensor(['edges' in name for name in self.figures(config)],
                                             device=sample.device)
            yield torch.stack([torch.where(counts, sample, 0.0), counts.float()])

    def sheets(self, network: nn.Module, batch: MonoBatch, wanted: range, config: TrainingConfig, title: str
               ) -> Iterator[Image]:
        stages = [config.network.max_depth * output.depth[:, 0].float().cpu().numpy()
                  for output in self.outputs(network, batch.image)]
        truths = torch.where(batch.valid, batch.depth, torch.nan)[:, 0].cpu().numpy()
        return (sheet(DepthSample(batch.image[view].cpu().numpy(), truths[view]),
                      [depth[view] for depth in stages], title) for view in wanted)

    def check_source(self, config: TrainingConfig, number: int) -> str:
        return mono_checks.check_source(config, number)

    def notes(self, config: TrainingConfig) -> dict[str, str]:
        return {SHORTER_SIDE: str(min(config.data.height, config.data.width))}


class MonoUNetTask(MonoTask):
    """The mono U-Net."""

    name = 'mono'
    kinds: ClassVar = {'mono_unet': KINDS['mono_unet']}
    sections = Sections(MonoDataConfig, UNetOptimizerConfig, TrainerConfig)
    stages = 1
    overfit_rate = 1e-3  # at 3e-3 the way up, which has no batch norm, dies within ten steps

    def outputs(self, network: nn.Module, image: Tensor) -> Sequence[DepthOutput]:
        return [network(image)]

    def loss(self, network: nn.Module, batch: MonoBatch, config: TrainingConfig, *, parts: bool) -> Loss:
        output, largest = network(batch.image), config.network.max_depth
        weights = config.optimizer.loss  # type: ignore[attr-defined]  # UNetOptimizerConfig
        loss = unet_loss(output, batch.depth, image=batch.image, valid=batch.valid, max_depth=largest,
                         weights=weights)
        return Loss(loss, {'log_error_1': log_error(output, batch, largest)} if parts else {})


class CoarseToFineTask(MonoTask):
    """Two phases: the coarse network, then the fine one on what the coarse one says, which is frozen."""

    name = 'coarse_to_fine'
    kinds: ClassVar = {'coarse_to_fine': KINDS['coarse_to_fine']}
    sections = Sections(MonoDataConfig, CoarseToFineOptimizerConfig, CoarseToFineTrainerConfig)
    stages = 2

    def check_config(self, config: TrainingConfig) -> None:
        if config.trainer.strategy == 'ddp':
            raise ValueError('trainer.strategy must be ddp_find_unused_parameters_true where one of two '
                             'networks is trained at a time, got ddp')

        trainer, optimizer = sections(config)
        if not (optimizer.encoder_rate or trainer.pretrained_encoder or trainer.initial_weights):
            raise ValueError('optimizer.encoder_rate is 0, and the encoder would stay random: '
                             'trainer.pretrained_encoder must be true, or trainer.initial_weights given')

    def begin(self, network: nn.Module, config: TrainingConfig) -> None:
        network = checked(network)
        trainer, optimizer = sections(config)
        if trainer.pretrained_encoder:
            network.coarse.encoder.take(encoder_weights())
        network.coarse.encoder.requires_grad_(optimizer.encoder_rate > 0)

    def groups(self, network: nn.Module, config: TrainingConfig) -> list[dict[str, Any]]:
        """Without an encoder that stays as it is."""
        optimizer, encoder = config.optimizer, list(checked(network).coarse.encoder.parameters())
        of_encoder = {id(parameter) for parameter in encoder}
        groups: list[dict[str, Any]] = [
            {'params': [one for one in network.parameters() if id(one) not in of_encoder]}]
        if rate := sections(config)[1].encoder_rate:
            groups.append({'params': encoder, 'lr': rate * optimizer.learning_rate})
        return groups

    def phase(self, config: TrainingConfig, step: int) -> range:
        border = sections(config)[0].coarse_steps
        return range(border) if step < border else range(border, config.trainer.steps)

    def outputs(self, network: nn.Module, image: Tensor) -> Sequence[DepthOutput]:
        return network(image)

    def loss(self, network: nn.Module, batch: MonoBatch, config: TrainingConfig, *, parts: bool) -> Loss:
        network, largest = checked(network), config.network.max_depth
        trainer, optimizer = sections(config)
        stage = 1 if self.phase(config, batch.step).start == 0 else 2
        if stage == 1:
            if trainer.pretrained_encoder:
                network.coarse.encoder.eval()  # few views in a batch: its own statistics are better ones
            output = network.coarse(batch.image)
        else:
            network.coarse.eval()  # or the statistics of its batch norm would go on drifting
            with torch.no_grad():
                coarse = network.coarse(batch.image)
            output = network.fine(batch.image, coarse)
        loss = coarse_to_fine_loss(output, batch.depth, valid=batch.valid, max_depth=largest,
                                   weights=optimizer.loss)
        return Loss(loss, {f'log_error_{stage}': log_error(output, batch, largest)} if parts else {})


def sections(config: TrainingConfig) -> tuple[CoarseToFineTrainerConfig, CoarseToFineOptimizerConfig]:
    """What a config of coarse to fine has of its own."""
    trainer, optimizer = config.trainer, config.optimizer
    if not (isinstance(trainer, CoarseToFineTrainerConfig)
            and isinstance(optimizer, CoarseToFineOptimizerConfig)):
        raise TypeError(f'the config must be of coarse to fine, got one of {config.kind}')
    return trainer, optimizer


def checked(network: nn.Module) -> CoarseToFine:
    """The network, of which it is certain now what it is."""
    if not isinstance(network, CoarseToFine):
        raise TypeError(f'the network must be CoarseToFine, got {type(network).__name__}')
    return network


@torch.no_grad()
def log_error(output: DepthOutput, batch: MonoBatch, max_depth: float) -> Tensor:
    """Mean absolute difference of the logarithms of depth, nothing scaled."""
    target, use = usable(batch.depth, batch.valid, max_depth)
    depth = max_depth * output.depth.float()
    return mean(torch.abs(torch.log(depth.clamp(1e-6)) - torch.log(target)), use)


def sheet(sample: DepthSample, stages: Sequence[Map], title: str) -> Image:
    """Image, truth and the depth [m] of every stage in the colours of the truth, uint8 RGB [H,W,3]."""
    known = sample.depth[np.isfinite(sample.depth)]
    near, far = (float(value) for value in np.percentile(known, (0.5, 99.5))) if len(known) else (1.0, 2.0)
    scale = {'near': near, 'far': max(far, 1.001 * near)}
    panels = [pictures.photo(sample.image, 'image'),
              pictures.depth_panel(sample.depth, **scale, title='truth'),
              *(pictures.depth_panel(depth, **scale, title=f'stage {number}')
                for number, depth in enumerate(stages, start=1))]
    return pictures.sheet(title, panels, columns=4, panel_width=320)

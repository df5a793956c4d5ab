"""Training of depth super-resolution: `depth-nodes train depth_gan` and `train super_resolution`."""

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from depth_models.evaluation import depth_metrics, pictures
from depth_models.frames import Image
from depth_models.networks.depth_gan import DepthGAN
from depth_models.networks.guided_super_resolution import GuidedSuperResolution
from depth_models.networks.low_res import UpscaledOutput
from depth_models.networks.super_resolution_networks import DEPTH_GAN, GUIDED, KINDS
from depth_models.training import mono_checks
from depth_models.training.config import TrainerConfig, TrainingConfig
from depth_models.training.depth_discriminator import (
    DepthDiscriminator,
    discriminator_loss,
    generator_term,
    to_be_judged,
)
from depth_models.training.map_losses import at_size, is_close, log_error
from depth_models.training.mono_batches import draw_ahead
from depth_models.training.mono_losses import mean
from depth_models.training.super_resolution_batches import (
    DepthViews,
    GuidedBatch,
    GuidedViews,
    UpscalingBatch,
)
from depth_models.training.super_resolution_config import (
    DepthGANDataConfig,
    DepthGANOptimizerConfig,
    GuidedDataConfig,
    GuidedOptimizerConfig,
    SuperResolutionDataConfig,
)
from depth_models.training.super_resolution_losses import (
    depth_gan_loss,
    error_ratio,
    frames_mean,
    guided_loss,
    with_size,
)
from depth_models.training.super_resolution_relative import TrainedRelative
from depth_models.training.task import BatchT, Draw, Loss, Sections, Task, Together, alone

Outputs = tuple[UpscaledOutput, UpscaledOutput]
JUDGED = ('rmse', 'mape', 'sure_minus_right')  # of every stage, the first two in parts of the mean depth
GAINS = ('rmse_ratio', 'edges_ratio')  # of stage 2 over stage 1: everywhere, and within 3 px of depth edges
RELATIVE_FOLDER = 'depth_anything'  # in the folder of a run: what was trained along


class SuperResolutionTask(Task[BatchT], Generic[BatchT]):
    """Maps of low resolution in, depth of both stages out."""

    samples, picture = 'views', 'view'
    faster = '; generated ones come faster once all of data.views were drawn'

    @abstractmethod
    def outputs(self, network: nn.Module, batch: Any) -> Outputs:
        """What both stages say; `network` is what `trained` gave, or the network alone."""

    def check_config(self, config: TrainingConfig) -> None:
        if config.data.max_depth > config.network.largest:
            raise ValueError(f'data.max_depth must be at most network.largest ({config.network.largest:g} '
                             f'm), got {config.data.max_depth:g} m')

    def warm_up(self, data: SuperResolutionDataConfig) -> None:
        draw_ahead(data)

    def figures(self, config: TrainingConfig) -> tuple[str, ...]:
        return (*(f'{name}_{stage}' for stage in (1, 2) for name in JUDGED), *GAINS)

    def judge(self, network: nn.Module, batch: Any, config: TrainingConfig) -> Iterator[Tensor]:
        stages = self.outputs(network, batch)
        target, size = with_size(batch.depth, batch.valid)
        for view in range(len(target)):
            one = slice(view, view + 1)
            if not batch.valid[view].any():
                continue
            truth, valid = target[view, 0].cpu().numpy(), batch.valid[view, 0].cpu().numpy()
            edges = valid & depth_metrics.near_edges(np.where(valid, truth, np.nan))
            values, errors = [], []
            for output in stages:
                pair = {'estimate': output.depth[view, 0].float().cpu().numpy(), 'target': truth}
                errors.append((depth_metrics.rmse(**pair, valid=valid),
                               depth_metrics.rmse(**pair, valid=edges) if edges.any() else 0.0))
                right = is_close(output.depth[one].float(), target[one]).float()
                sure = torch.sigmoid(at_size(output.confidence[one].float(), target))
                values += [errors[-1][0] / size[view].item(), depth_metrics.abs_rel(**pair, valid=valid),
                           mean(sure - right, batch.valid[one]).item()]
            # where interpolation is exact, nothing can be gained
            gains = [after / before if before > 1e-5 * size[view].item() else float('nan')
                     for before, after in zip(*errors)]
            sample = torch.tensor([*values, *gains], device=target.device)
            counts = torch.ones_like(sample)
            counts[len(values):] = (~torch.isnan(sample[len(values):])).float()
            yield torch.stack([torch.where(counts > 0, sample, 0.0), counts])

    def sheets(self, network: nn.Module, batch: Any, wanted: range, config: TrainingConfig, title: str
               ) -> Iterator[Image]:
        stages = [output.depth[:, 0].float().cpu().numpy() for output in self.outputs(network, batch)]
        truths, low_res = (torch.where(there, maps, torch.nan)[:, 0].cpu().numpy() for maps, there in (
            (batch.depth, batch.valid), (batch.low_res, batch.low_res > 0)))
        for view in wanted:
            known = truths[view][np.isfinite(truths[view])]
            near, far = np.percentile(known, (0.5, 99.5)).tolist() if len(known) else (1.0, 2.0)
            scale = {'near': near, 'far': max(far, 1.001 * near)}
            cells = cv2.resize(low_res[view], truths[view].shape[::-1], interpolation=cv2.INTER_NEAREST)
            panels = [*self.guides(batch, view),
                      *(pictures.depth_panel(depth, **scale, title=name) for name, depth in (
                          ('low resolution', cells), ('truth', truths[view]),
                          *((f'stage {number}', depth[view]) for number, depth in enumerate(stages, 1))))]
            yield pictures.sheet(title, panels, columns=3 if len(panels) > 4 else 4, panel_width=320)

    def guides(self, batch: Any, view: int) -> list[pictures.Panel]:
        """Panels of what else the network sees."""
        return []

    def check_source(self, config: TrainingConfig, number: int) -> str:
        return mono_checks.check_source(config, number, 'data.max_depth')


class DepthGANTask(SuperResolutionTask[UpscalingBatch]):
    """Depth alone, with a discriminator beside the network where `loss.gan` is over 0."""

    name = 'depth_gan'
    kinds: ClassVar = {DEPTH_GAN: KINDS[DEPTH_GAN]}
    sections = Sections(DepthGANDataConfig, DepthGANOptimizerConfig, TrainerConfig)

    def check_config(self, config: TrainingConfig) -> None:
        super().check_config(config)
        if config.data.factor != config.network.factor:
            raise ValueError(f'data.factor must be network.factor ({config.network.factor}), '
                             f'got {config.data.factor}')

    def open(self, data: DepthGANDataConfig, *, validation: bool = False) -> Draw[UpscalingBatch]:
        return DepthViews(data, use='validation' if validation else 'training').upscaling_batch

    def trained(self, network: nn.Module, config: TrainingConfig) -> nn.Module:
        optimizer: Any = config.optimizer
        if not optimizer.loss.gan:
            return network
        return Together(network, DepthDiscriminator(), optimizer.discriminator_learning_rate)

    def outputs(self, network: nn.Module, batch: UpscalingBatch) -> Outputs:
        network = alone(network)
        if not isinstance(network, DepthGAN):
            raise TypeError(f'the network must be DepthGAN, got {type(network).__name__}')
        return network(batch.low_res)

    def loss(self, network: nn.Module, batch: UpscalingBatch, config: TrainingConfig, *, parts: bool) -> Loss:
        first, second = self.outputs(network, batch)
        weights = config.optimizer.loss  # type: ignore[attr-defined]  # DepthGANOptimizerConfig
        loss = depth_gan_loss(first, second, batch.depth, valid=batch.valid, weights=weights)
        found = logged(first, second, batch) if parts else {}
        if isinstance(network, Together):
            target, size = with_size(batch.depth, batch.valid)
            made, true = to_be_judged(second.depth, target, batch.valid, size)
            term = generator_term(network.beside, made, saturating=weights.gan_form == 'saturating')
            rival = discriminator_loss(network.beside, true, made)
            loss = loss + weights.gan * term + rival
            found |= {'gan': term.detach(), 'discriminator': rival.detach()} if parts else {}
        return Loss(loss, found)


class GuidedTask(SuperResolutionTask[GuidedBatch]):
    """Guided by an image and its relative depth, with Depth Anything beside where that is trained along."""

    name = 'super_resolution'
    kinds: ClassVar = {GUIDED: KINDS[GUIDED]}
    sections = Sections(GuidedDataConfig, GuidedOptimizerConfig, TrainerConfig)
    overfit_rate = 1e-3  # it comes without warm-up: more throws the first steps far off

    def open(self, data: GuidedDataConfig, *, validation: bool = False) -> Draw[GuidedBatch]:
        return GuidedViews(data, use='validation' if validation else 'training').guided_batch

    def trained(self, network: nn.Module, config: TrainingConfig) -> nn.Module:
        data, optimizer = config.data, config.optimizer
        if not data.relative.trained:
            return network
        relative = TrainedRelative(data.relative.source, min(data.view_size))
        return Together(network, relative, optimizer.relative_learning_rate)  # type: ignore[attr-defined]

    def outputs(self, network: nn.Module, batch: GuidedBatch) -> Outputs:
        relative = batch.relative
        if isinstance(network, Together):
            relative = torch.where(batch.drawn.view(-1, 1, 1, 1), relative, network.beside(batch.image))
        network = alone(network)
        if not isinstance(network, GuidedSuperResolution):
            raise TypeError(f'the network must be GuidedSuperResolution, got {type(network).__name__}')
        return network(batch.low_res, batch.image, relative)

    def loss(self, network: nn.Module, batch: GuidedBatch, config: TrainingConfig, *, parts: bool) -> Loss:
        first, second = self.outputs(network, batch)
        weights = config.optimizer.loss  # type: ignore[attr-defined]  # GuidedOptimizerConfig
        return Loss(guided_loss(first, second, batch.depth, valid=batch.valid, weights=weights),
                    logged(first, second, batch) if parts else {})

    def guides(self, batch: GuidedBatch, view: int) -> list[pictures.Panel]:
        relative = batch.relative[view, 0].cpu().numpy()
        least, most = float(relative.min()), float(relative.max())
        # as depth, so that near has the colours of what is near
        shown = np.asarray(1 / (1 + 9 * (relative - least) / max(most - least, 1e-6)), np.float32)
        return [pictures.photo(batch.image[view].cpu().numpy(), 'image'),
                pictures.depth_panel(shown, near=0.1, far=1.0, title='relative depth')]

    def keep(self, network: nn.Module, out: Path) -> None:
        if isinstance(network, Together) and isinstance(network.beside, TrainedRelative):
            network.beside.model.save_pretrained(out / RELATIVE_FOLDER)
            print(f'wrote {out / RELATIVE_FOLDER}: the relative depth that the network was trained with')


@torch.no_grad()
def logged(first: UpscaledOutput, second: UpscaledOutput, batch: UpscalingBatch | GuidedBatch
           ) -> dict[str, Tensor]:
    """What the log says of a step."""
    target, size = with_size(batch.depth, batch.valid)
    return {'log_error_2': log_error(second.depth, target, batch.valid),
            'error_ratio': frames_mean(error_ratio(first, second, target, size, batch.valid), batch.valid)}

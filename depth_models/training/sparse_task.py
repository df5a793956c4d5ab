"""Training of dense depth from sparse depth: `depth-nodes train sparse_depth`."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from depth_models.evaluation import depth_metrics, pictures
from depth_models.frames import Image
from depth_models.networks.sparse_depth import SparseDepth, SparseOutput
from depth_models.networks.sparse_networks import KINDS
from depth_models.training import mono_checks
from depth_models.training.config import TrainerConfig, TrainingConfig
from depth_models.training.map_losses import at_size, is_close, log_error
from depth_models.training.mono_batches import draw_ahead
from depth_models.training.mono_losses import mean
from depth_models.training.sparse_batches import SparseBatch, SparseViews
from depth_models.training.sparse_config import SparseDataConfig, SparseOptimizerConfig
from depth_models.training.sparse_losses import sparse_loss
from depth_models.training.task import Draw, Loss, Sections, Task

STAGES = 2
JUDGED = ('rmse', 'rel', 'd1', 'sure_minus_right')  # of every stage; the last: mean confidence less hits
GAIN = 'rmse_ratio'  # of stage 2 over stage 1: what learning adds to the planes


class SparseDepthTask(Task[SparseBatch]):
    """Views and what is measured of them in, depth of both stages out."""

    name = 'sparse_depth'
    kinds: ClassVar = {'sparse_depth': KINDS['sparse_depth']}
    sections = Sections(SparseDataConfig, SparseOptimizerConfig, TrainerConfig)
    samples, picture = 'views', 'view'
    faster = '; generated ones come faster once all of data.views were drawn'

    def warm_up(self, data: SparseDataConfig) -> None:
        draw_ahead(data)

    def open(self, data: SparseDataConfig, *, validation: bool = False) -> Draw[SparseBatch]:
        return SparseViews(data, use='validation' if validation else 'training').sparse_batch

    def loss(self, network: nn.Module, batch: SparseBatch, config: TrainingConfig, *, parts: bool) -> Loss:
        first, second = (believed(output, batch) for output in outputs(network, batch))
        weights = config.optimizer.loss  # type: ignore[attr-defined]  # SparseOptimizerConfig
        total = sparse_loss(first, second, batch.depth, valid=batch.valid, weights=weights)
        if not parts:
            return Loss(total, {})
        with torch.no_grad():
            target = torch.where(batch.valid, batch.depth, 1.0)
            return Loss(total, {f'log_error_{number}': log_error(output.depth, target, batch.valid)
                                for number, output in enumerate((first, second), start=1)})

    def figures(self, config: TrainingConfig) -> tuple[str, ...]:
        return (*(f'{name}_{stage}' for stage in range(1, STAGES + 1) for name in JUDGED), GAIN)

    def judge(self, network: nn.Module, batch: SparseBatch, config: TrainingConfig) -> Iterator[Tensor]:
        """As evaluation does it, in m, measurements not put back: the network alone."""
        stages = outputs(network, batch)
        depths = [output.depth[:, 0].float().cpu().numpy() for output in stages]
        targets = torch.where(batch.valid, batch.depth, torch.nan)[:, 0].cpu().numpy()
        for view, target in enumerate(targets):
            valid = np.isfinite(target)
            if not valid.any():
                continue
            one, values = slice(view, view + 1), []
            for depth, output in zip(depths, stages):
                pair = {'estimate': depth[view], 'target': target, 'valid': valid}
                truth = torch.where(batch.valid[one], batch.depth[one], 1.0)
                right = is_close(output.depth[one].float(), truth).float()
                sure = torch.sigmoid(at_size(output.confidence[one].float(), truth))
                values += [depth_metrics.rmse(**pair), depth_metrics.abs_rel(**pair),
                           depth_metrics.delta(**pair, power=1),
                           mean(sure - right, batch.valid[one]).item()]
            ratio = values[len(JUDGED)] / max(values[0], 1e-9)
            sample = torch.tensor([*values, ratio], device=batch.depth.device)
            yield torch.stack([sample, torch.ones_like(sample)])

    def sheets(self, network: nn.Module, batch: SparseBatch, wanted: range, config: TrainingConfig, title: str
               ) -> Iterator[Image]:
        stages = [output.depth[:, 0].float().cpu().numpy() for output in outputs(network, batch)]
        truths = torch.where(batch.valid, batch.depth, torch.nan)[:, 0].cpu().numpy()
        measured = torch.where(batch.sparse > 0, batch.sparse, torch.nan)[:, 0].cpu().numpy()
        for view in wanted:
            known = truths[view][np.isfinite(truths[view])]
            near, far = np.percentile(known, (0.5, 99.5)).tolist() if len(known) else (1.0, 2.0)
            scale = {'near': near, 'far': max(far, 1.001 * near)}
            panels = [pictures.photo(batch.image[view].cpu().numpy(), 'image'),
                      pictures.depth_panel(pictures.thickened(measured[view]), **scale, title='measured'),
                      pictures.depth_panel(truths[view], **scale, title='truth'),
                      *(pictures.depth_panel(depth[view], **scale, title=f'stage {number}')
                        for number, depth in enumerate(stages, start=1))]
            yield pictures.sheet(title, panels, columns=5, panel_width=320)

    def check_source(self, config: TrainingConfig, number: int) -> str:
        return mono_checks.check_source(config, number, 'data.max_depth')


def believed(output: SparseOutput, batch: SparseBatch) -> SparseOutput:
    """Measurements that are right stay, as in the estimator: nothing is to be learned there."""
    kept = (batch.sparse > 0) & (batch.doubt < 0.5)
    return output._replace(depth=torch.where(kept, batch.sparse, output.depth.float()))


def outputs(network: nn.Module, batch: SparseBatch) -> tuple[SparseOutput, SparseOutput]:
    """What both stages say, of images too where the network is guided by them."""
    if not isinstance(network, SparseDepth):
        raise TypeError(f'the network must be SparseDepth, got {type(network).__name__}')
    return network(batch.sparse, batch.image if network.config.rgb else None, batch.doubt)

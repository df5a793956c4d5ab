"""
Depth Anything V2 behind the face of the mono networks; needs the optional package `transformers`.

Yang et al., "Depth Anything V2", NeurIPS 2024, arXiv 2406.09414: a DINOv2 transformer with a DPT head.
Its small network is Apache-2.0; base and large are CC-BY-NC-4.0, so choose those knowingly.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError

from depth_models.estimators.mono import ImageEstimator
from depth_models.frames import Map
from depth_models.networks.depth_anything_graphs import depth_anything_graphs

if TYPE_CHECKING:
    from transformers import DepthAnythingForDepthEstimation

NAMES = {  # ours, and those of the hub
    'depth_anything_v2_small': 'depth-anything/Depth-Anything-V2-Small-hf',
    'depth_anything_v2_metric_indoor_small': 'depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf',
    'depth_anything_v2_metric_outdoor_small': 'depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf',
}
TRAINED_SIDE = 518  # px, the shorter side of the images of its training
# Relative networks say 0 of what is farthest, and it must stay finite. A shift of inverse depth, so
# that a fit of scale and shift takes it out again.
FARTHEST = 1e-3


class DepthAnything(ImageEstimator):
    """Depth from one image: relative, or in m from a network that was trained to tell metres.

    >>> estimator = DepthAnything.from_pretrained('depth_anything_v2_small')
    >>> estimate = estimator.compute(image)  # uint8 [H,W,3] RGB or [H,W], any size
    >>> estimate.depth, estimate.metric  # float32 [H,W], False

    A relative network says inverse depth but for a scale and a shift; `depth` is 1 over it, so that
    near is less than far as in every other estimate. It tells no confidence: that is NaN.
    """

    def __init__(self, model: 'DepthAnythingForDepthEstimation', *, shorter_side: int = TRAINED_SIDE,
                 **options: Any) -> None:
        """Options: see `ImageEstimator`. Fewer px than the 518 of `shorter_side` cost less, and detail."""
        from transformers import __version__
        super().__init__(
            'depth_anything', depth_anything_graphs(model.eval().requires_grad_(False), __version__),
            multiple=int(model.config.patch_size), shorter_side=shorter_side,
            metric=model.config.depth_estimation_type == 'metric', **options)
        self._weights = model.name_or_path

    @classmethod
    def from_pretrained(cls, name_or_path: str = 'depth_anything_v2_small', **options: Any
                        ) -> 'DepthAnything':
        """Weights by one of NAMES or of the hub's names, or of a folder, as safetensors.

        The user's Hugging Face cache is looked through first, so that a robot without a network
        starts, and at once; then they are downloaded. Raises ImportError, OSError or ValueError, in
        one sentence.
        """
        return cls(load_model(name_or_path), **options)

    def describe(self) -> dict[str, str]:
        """What runs, for people: network, its weights, engine and why this one, device, precision."""
        return {**super().describe(), 'weights': self._weights or 'as given'}

    def _side(self, wanted: int) -> int:
        # its own preprocessing: the nearest multiple of the patches
        return max(1, round(wanted / self._multiple)) * self._multiple

    def _depth(self, output: Map) -> Map:
        if self.metric:
            return output
        return np.reciprocal(np.maximum(output, 0, out=output) + np.float32(FARTHEST))


def load_model(name_or_path: str) -> 'DepthAnythingForDepthEstimation':
    """The network of `DepthAnything.from_pretrained`, as `transformers` has it; raises the same."""
    try:
        from transformers import AutoConfig, DepthAnythingForDepthEstimation
    except ImportError as error:
        raise ImportError(f'Depth Anything needs transformers, but {error}; '
                          f'pip install "transformers>=4.45"') from error
    name = NAMES.get(name_or_path, name_or_path)
    if name == name_or_path and not ('/' in name or Path(name).is_dir()):
        raise ValueError(f'model must be one of {", ".join(NAMES)}, a name of the Hugging Face hub '
                         f'(owner/name) or a folder, got {name_or_path!r}')
    reason = ''
    for cached in (True, False):
        try:
            config = AutoConfig.from_pretrained(name, local_files_only=cached)
            if config.model_type != 'depth_anything':
                raise ValueError(f'{name} is a {config.model_type}, not a depth_anything')
            model, found = DepthAnythingForDepthEstimation.from_pretrained(
                name, config=config, local_files_only=cached, use_safetensors=True,
                output_loading_info=True)
        except OSError as error:
            reason = str(error).splitlines()[0]
        except (SafetensorError, RuntimeError) as error:
            raise ValueError(f'the weights of {name} are truncated, damaged or of another shape: '
                             f'{" ".join(str(error).split())}') from error
        else:
            if missing := sorted(found['missing_keys']):  # transformers would leave them at random
                raise ValueError(f'the weights of {name} lack {len(missing)} tensors, '
                                 f'the first one is {missing[0]}')
            return model
    raise OSError(
        f'{name} is neither a folder with config.json and model.safetensors, nor in the Hugging Face '
        f'cache, nor can it be downloaded ({reason}); where there is a network, run '
        f'`hf download {name}`, and copy the cache (~/.cache/huggingface, or $HF_HOME) to this machine')

"""
Super-resolution by the time that there is: guided by an image, from depth alone, or by interpolation.

The guided network is the best answer, above all to noisy depth, and the slowest; that of depth alone costs
a fraction of it; bicubic interpolation, its first stage, costs next to nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from depth_models.estimators.prepared import Size
from depth_models.estimators.relative_depth import MONO_UNET, RelativeDepth
from depth_models.estimators.super_resolution import DepthUpscaler
from depth_models.estimators.turns import Turns
from depth_models.frames import Image, Map, SuperResolutionEstimate, SuperResolutionFrame
from depth_models.networks.depth_gan import FACTORS
from depth_models.networks.super_resolution_networks import DEPTH_GAN

AUTO = 'auto'
# what may be asked for -> the last stage to run; 0: as far as the deadline allows
METHODS = {AUTO: 0, 'guided': 2, 'depth_only': 2, 'bicubic': 1}
SLACK = 1e-6  # of a ratio of sizes: 8 x 1/8 is not always 1


class SuperResolutionByBudget:
    """Several estimators that take turns; to its caller it is one.

    >>> upscaler = load_upscaler(weights_guided='guided_super_resolution')
    >>> estimate = upscaler.compute(low_res, image, deadline=time.monotonic() + 0.05)
    >>> estimate.method, estimate.stage
    """

    def __init__(self, plain: Mapping[int, DepthUpscaler], guided: DepthUpscaler | None = None,
                 relative: RelativeDepth | None = None) -> None:
        """plain: networks of depth alone by their factors, one at least. guided: None: there is none.

        relative: what gives relative depth; None: only the caller does.
        """
        if not plain or any(each.guided for each in plain.values()):
            raise ValueError('plain must be one network at least, and none that needs an image')
        if guided is not None and not guided.guided:
            raise ValueError('guided must be a network that sees an image')
        self._plain, self._guided, self._relative = dict(sorted(plain.items())), guided, relative
        self._clock = next(iter(self._plain.values())).clock
        self._turns = Turns()

    def describe(self) -> dict[str, str]:
        """What runs, for people: as of `DepthUpscaler`, and where relative depth comes from."""
        some = [each.describe() for each in self._plain.values()]
        model = ' or '.join(one['model'] for one in some)
        if self._guided is None:
            return {**some[0], 'model': model}
        source = 'as given' if self._relative is None else self._relative.source
        return {**some[0], 'model': f'{self._guided.describe()["model"]} or {model}', 'relative': source}

    def warm_up(self, scales: Sequence[float] = (1.0,)) -> None:
        """Get ready for the sizes that were used last on this computer, or for usual ones."""
        for each in self._plain.values():
            each.warm_up(scales)
        if self._guided is not None:
            self._guided.warm_up()
            if self._relative is not None:
                self._relative.warm_up()

    def make_ready(self, size: Size, scales: Sequence[float] = (1.0,)) -> bool:
        """As of `DepthUpscaler`: all that may answer, so that none waits when an image comes or stops."""
        ready = [self._plain_for(size).make_ready(size, scales)]
        if self._guided is not None:
            ready.append(self._guided.make_ready(size))
            if self._relative is not None:
                ready.append(self._relative.make_ready(size))
        return all(ready)

    def scale_for(self, size: Size, seconds: float) -> float:
        """The largest scale at which interpolation takes no longer."""
        return self._plain_for(size).scale_for(size, seconds)

    def least_cost(self, size: Size, scale: float = 1.0) -> float:
        """What interpolation will hardly exceed now [s]."""
        return self._plain_for(size).least_cost(size, scale)

    def compute(self, low_res: Map, image: Image | None = None, relative: Map | None = None, *,
                size: tuple[int, int] | None = None, method: str = AUTO, deadline: float | None = None,
                scale: float = 1.0, fill_holes: bool = False) -> SuperResolutionEstimate:
        """As of `DepthUpscaler`; `method` of the estimate says what was done.

        size: None: that of the image, without one `low_res` times the smallest factor that there is.
        relative: None: made of the image. method: of METHODS; 'guided' where there is no image, or nobody to
        give relative depth, is 'depth_only'. A method that is asked for ignores the deadline.
        """
        if method not in METHODS:
            raise ValueError(f'method must be one of {", ".join(METHODS)}, got {method!r}')
        SuperResolutionFrame(low_res, image, relative)  # says what does not fit
        if size is None and image is not None:
            size = image.shape[0], image.shape[1]
        how: dict[str, Any] = {'size': size, 'stage': METHODS[method], 'deadline': deadline, 'scale': scale,
                               'fill_holes': fill_holes}
        if image is not None and size is not None and self._guided is not None and self._is_guided(
                method, (*size, *low_res.shape), relative, deadline, scale):
            began = self._clock()
            if relative is None and self._relative is not None:
                relative = self._relative.compute(image)
            seconds = {'relative': self._clock() - began}
            estimate = self._guided.compute(low_res, image, relative, **how)
            return replace(estimate, seconds={**seconds, **estimate.seconds})
        return self._plain_for((*(size or low_res.shape), *low_res.shape)).compute(low_res, **how)

    def _is_guided(self, method: str, size: Size, relative: Map | None, deadline: float | None,
                   scale: float) -> bool:
        """Whether the guided network answers a frame with an image."""
        if self._guided is None or (relative is None and self._relative is None):
            return False
        if method != AUTO:
            return method == 'guided'
        if deadline is None or deadline == math.inf:
            return True
        needed = math.inf  # where not even interpolation fits at full size
        if scale == 1.0:
            self._guided.make_ready(size)
            needed = self._guided.cost(size, stage=2)
            if relative is None and self._relative is not None:
                self._relative.make_ready(size)
                needed += self._relative.cost(size)
        return self._turns.decide(self._clock(), needed, deadline)

    def _plain_for(self, size: Size) -> DepthUpscaler:
        """The network of the smallest factor that reaches the size, else of the largest one."""
        ratio = max(size[0] / size[2], size[1] / size[3]) * (1 - SLACK)
        return next((each for factor, each in self._plain.items() if factor >= ratio),
                    list(self._plain.values())[-1])


def load_upscaler(weights: str = AUTO, weights_guided: str = '', relative: str = MONO_UNET, *,
                  factors: Sequence[int] = FACTORS, **options: Any) -> SuperResolutionByBudget:
    """
    The estimator of shipped names or .safetensors files; options: `PreparedEstimator`.

    weights: of a network of depth alone; auto: the shipped ones of these factors. weights_guided: of the
    guided network; '': there is none. relative: of `RelativeDepth`; '': its caller gives it. Raises
    ImportError, OSError or ValueError, in one sentence.
    """
    names = [f'{DEPTH_GAN}_x{factor}' for factor in factors] if weights == AUTO else [weights]
    plain: dict[int, DepthUpscaler] = {}
    for name in names:
        made = DepthUpscaler.from_pretrained(name, **options)
        if made.guided:
            raise ValueError(f'weights: {name} needs images; it is one for weights_guided')
        plain[made.factor] = made
        # what load does to the one that runs tells what another one would take
        options['costs'] = made.costs
    if not weights_guided:
        return SuperResolutionByBudget(plain)
    guided = DepthUpscaler.from_pretrained(weights_guided, **options)
    if not guided.guided:
        raise ValueError(f'weights_guided: {weights_guided} does not look at images; it is one for weights')
    return SuperResolutionByBudget(
        plain, guided, RelativeDepth.from_pretrained(relative, **options) if relative else None)

"""Disparity and confidence from a rectified pair: the library's face of AnyNet."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from depth_models import pretrained
from depth_models.budget import StageCosts
from depth_models.frames import Image, StereoEstimate, StereoFrame
from depth_models.images import pad_to_multiple, shift_columns, to_planes, to_rgb
from depth_models.networks.anynet import (
    COARSEST,
    STAGES,
    AnyNet,
    AnyNetConfig,
    StageState,
    at_full_size,
)

ENGINES = ('auto', 'torch')  # auto: the fastest that is installed
DEVICES = ('auto', 'cpu', 'cuda')  # auto: the GPU if there is one
WARM_UP_SIZE = (480, 640)  # (height, width)
FINISH = 0  # the part after the last stage: to full size, to numpy


class StereoMatcher:
    """Matches rectified pairs, stage by stage.

    >>> matcher = StereoMatcher.from_pretrained('anynet')
    >>> estimate = matcher.compute(left, right)  # uint8 [H,W,3] RGB or [H,W], any size
    >>> estimate.disparity, estimate.confidence  # float32 [H,W]

    Not safe for use by several threads at once: give each its own.
    """

    def __init__(self, network: AnyNet, *, min_disparity: int = 0, max_disparity: int = 192,
                 device: str = 'auto', num_threads: int = 0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """min_disparity, max_disparity: px, the range searched; its length is rounded up to 16 px.

        min_disparity is negative for cameras that converge. num_threads: of the whole process, as
        torch has it; 0 leaves them. clock: monotonic seconds.
        """
        if device not in DEVICES:
            raise ValueError(f'device must be one of {", ".join(DEVICES)}, got {device!r}')
        if device == 'cuda' and not torch.cuda.is_available():
            raise ValueError('device is cuda, but torch finds no GPU; use cpu or auto')
        if max_disparity <= min_disparity:
            raise ValueError(f'max_disparity must be above min_disparity, '
                             f'got {max_disparity} and {min_disparity} px')
        self.min_disparity = min_disparity
        self.searched = COARSEST * math.ceil((max_disparity - min_disparity) / COARSEST)  # px
        self.costs = StageCosts()
        if device == 'auto':
            device = 'cuda' if torch.cuda.is_available() else 'cpu'
        if num_threads:
            torch.set_num_threads(num_threads)
        self._device = torch.device(device)
        self._network = network.eval().to(self._device)
        self._clock = clock

    @classmethod
    def from_pretrained(cls, name_or_path: str = 'anynet', *, engine: str = 'auto',
                        **options: object) -> 'StereoMatcher':
        """A matcher with shipped weights ('anynet') or those of a .safetensors file.

        options: as of the constructor. Raises FileNotFoundError or ValueError, in one sentence.
        """
        if engine not in ENGINES:
            raise ValueError(f'engine must be one of {", ".join(ENGINES)}, got {engine!r}')
        weights = pretrained.read(name_or_path, 'anynet')
        try:
            options_of: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value
                                          for key, value in weights.config.items()}
            config = AnyNetConfig(**options_of)
        except (TypeError, ValueError) as error:
            raise ValueError(f'{weights.path} has an unusable configuration: {error}') from error
        network = AnyNet(config)
        pretrained.load_into(network, weights)
        return cls(network, **options)  # type: ignore[arg-type]

    def describe(self) -> dict[str, str]:
        """What runs, for people: engine, device, searched range."""
        return {'model': 'anynet', 'engine': 'torch', 'device': str(self._device),
                'threads': str(torch.get_num_threads()),
                'searched_px': f'{self.min_disparity}..{self.max_disparity}'}

    @property
    def max_disparity(self) -> int:
        """The end of the range that is searched [px]."""
        return self.min_disparity + self.searched

    def warm_up(self, size: tuple[int, int] = WARM_UP_SIZE) -> None:
        """Run every stage on a grey pair, so that the first real frame neither waits nor guesses."""
        plain = np.full(size, 127, np.uint8)
        for _ in range(2):
            self.costs = StageCosts()  # of the second run only: the first one allocates
            self.compute(plain, plain)

    def compute(self, left: Image, right: Image, *, stage: int = 0, deadline: float | None = None
                ) -> StereoEstimate:
        """Match a rectified pair: uint8 [H,W,3] RGB or [H,W] grey, one size, any size.

        stage: the last one to run, 1..4; 0: as far as the deadline allows (all without one).
        deadline: on the matcher's clock; stage 1 always runs. A fixed stage ignores it.
        Raises ValueError when the images do not fit each other or `stage` is out of range.
        """
        if not 0 <= stage <= STAGES:
            raise ValueError(f'stage must be 0..{STAGES}, got {stage}')
        StereoFrame(left, right)  # says what does not fit
        size = (left.shape[0], left.shape[1])
        with torch.inference_mode():
            started = self._clock()
            seconds: list[float] = []
            for state in self._stages(left, right):  # noqa: B007 - the last one is the answer
                ended = self._clock()
                seconds.append(ended - started)
                reached = len(seconds)
                self.costs.add(reached, size, seconds[-1], ended)
                if reached in (stage, STAGES) or not (
                        stage or deadline is None or self._fits(reached + 1, size, deadline)):
                    break
                started = self._clock()
            disparity, logit = at_full_size(state)
            confidence = torch.sigmoid(logit)
            finished = self._clock()
            self.costs.add(FINISH, size, finished - ended, finished)
        h, w = size
        return StereoEstimate(
            disparity=disparity[0, 0, :h, :w].cpu().numpy() + np.float32(self.min_disparity),
            confidence=confidence[0, 0, :h, :w].cpu().numpy(),
            stage=reached, min_disparity=self.min_disparity, max_disparity=self.max_disparity,
            seconds={**{f'stage_{n}': cost for n, cost in enumerate(seconds, start=1)},
                     'finish': finished - ended})

    def _fits(self, stage: int, size: tuple[int, int], deadline: float) -> bool:
        now = self._clock()
        return now + sum(self.costs.predict(part, size, now) for part in (stage, FINISH)) <= deadline

    def _stages(self, left: Image, right: Image) -> Iterator[StageState]:
        # left column x meets right column x - d; with the right image moved, d counts from the minimum
        right = shift_columns(right, self.min_disparity)
        images = [pad_to_multiple(to_rgb(image), COARSEST) for image in (left, right)]
        pair = torch.from_numpy(to_planes(images)).to(self._device)
        yield from self._network.stages(pair[:1], pair[1:], self.searched)

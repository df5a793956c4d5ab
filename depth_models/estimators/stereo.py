"""Disparity and confidence from a rectified pair: the library's face of AnyNet."""

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from depth_models import pretrained
from depth_models.budget import StageCosts
from depth_models.engines import Model, choose
from depth_models.engines.export import exported, recently_used
from depth_models.frames import Image, Map, StereoEstimate, StereoFrame
from depth_models.images import shift_columns, to_rgb
from depth_models.networks.anynet_graphs import IMAGES, LEFT
from depth_models.networks.stereo_networks import KINDS, STAGES, config_from, kind_of

SCALES = (1.0, 0.5, 0.25)  # of the images, when not even stage 1 fits the budget at full size
FINISH, TELL = 'finish', 'intermediate'  # parts beside the stages: to full size; `on_stage`
WARM_UP_SIZE = (480, 640)  # (height, width), when no size was used before
SIZES_KEPT = 6  # prepared ones: two cameras' sizes at all scales
# to go back to a larger scale, or a stage further than the last pair went, it must fit with room, or
# the node would swing between two; less of it for a stage, which is cheap to be wrong about
ROOM_TO_GROW, ROOM_FOR_STAGE = 1.2, 1.1

_log = logging.getLogger(__name__)


class _Prepared(NamedTuple):
    model: Model
    images: NDArray[np.uint8]  # [2,H,W,3], the model's input, filled anew for every pair

    def inputs(self) -> dict[str, NDArray[np.uint8]]:
        return {IMAGES: self.images, LEFT: self.images[:1]}


class StereoMatcher:
    """Matches rectified pairs, stage by stage.

    >>> matcher = StereoMatcher.from_pretrained('anynet_wide')
    >>> estimate = matcher.compute(left, right)  # uint8 [H,W,3] RGB or [H,W], any size
    >>> estimate.disparity, estimate.confidence  # float32 [H,W]

    Not safe for use by several threads at once: give each its own.
    """

    def __init__(self, network: nn.Module, *, min_disparity: int = 0, max_disparity: int = 192,
                 engine: str = 'auto', precision: str = 'auto', device: str = 'auto',
                 num_threads: int = 0, clock: Callable[[], float] = time.monotonic,
                 costs: StageCosts | None = None) -> None:
        """network: one of `depth_models.networks.stereo_networks`.

        min_disparity, max_disparity: px, the range searched; its length is rounded up to a multiple
        of 16 px, of 32 px for the wide network.

        min_disparity is negative for cameras that converge. engine, precision, device,
        num_threads: see `depth_models.engines.choose`. clock: monotonic seconds. costs: those of a
        matcher that runs in turns with this one; None: its own.
        """
        if max_disparity <= min_disparity:
            raise ValueError(f'max_disparity must be above min_disparity, '
                             f'got {max_disparity} and {min_disparity} px')
        self._kind = kind_of(network)
        self._multiple = KINDS[self._kind].multiple  # px
        self.min_disparity = min_disparity
        self.searched = _rounded_up(max_disparity - min_disparity, self._multiple)  # px
        self.costs = StageCosts() if costs is None else costs
        self._engine, self._why = choose(
            engine, device=device, precision=precision, num_threads=num_threads)
        self._network = network.eval()
        self.clock = clock
        self._prepared: OrderedDict[tuple[int, int, int], _Prepared] = OrderedDict()
        self._scale, self._reached = 1.0, STAGES  # of the last pair

    @classmethod
    def from_pretrained(cls, name_or_path: str = 'anynet_wide', **options: Any) -> 'StereoMatcher':
        """A matcher with shipped weights ('anynet') or those of a .safetensors file.

        options: as of the constructor. Raises FileNotFoundError or ValueError, in one sentence.
        """
        return cls(load_network(name_or_path), **options)

    def describe(self) -> dict[str, str]:
        """What runs, for people: engine and why this one, device, precision, searched range."""
        engine = self._engine
        return {'model': self._kind, 'engine': f'{engine.name} {engine.version} ({self._why})',
                'device': engine.device, 'precision': engine.precision,
                'searched_px': f'{self.min_disparity}..{self.max_disparity}'}

    @property
    def max_disparity(self) -> int:
        """The end of the range that is searched [px]."""
        return self.min_disparity + self.searched

    def warm_up(self, scales: Sequence[float] = (1.0,)) -> None:
        """Get ready for the size that was used last on this computer, or for a usual one."""
        sizes = [name.split('-')[1].split('x') for name in recently_used(f'{self._kind}-')]
        width, height = map(int, sizes[0]) if sizes else WARM_UP_SIZE[::-1]
        self.make_ready((height, width), scales)

    def make_ready(self, size: tuple[int, int], scales: Sequence[float] = (1.0,)) -> bool:
        """Compile the stages for images of this (height, width), and learn what they cost.

        scales: of the images, each is compiled on its own. False when something had to be done,
        which takes seconds: a frame that waited for it is late.
        """
        missing = [scale for scale in scales if self._key(size, scale) not in self._prepared]
        for scale in missing:
            self._prepare(size, scale)
        for scale in scales:  # the last ones to be forgotten
            self._prepared.move_to_end(self._key(size, scale))
        while len(self._prepared) > SIZES_KEPT:
            self._prepared.popitem(last=False)
        return not missing

    def _prepare(self, size: tuple[int, int], scale: float) -> None:
        key = self._key(size, scale)
        height, width, searched = key
        images = np.full((2, height, width, 3), 127, np.uint8)
        graphs = KINDS[self._kind].graphs(self._network, searched)
        files = exported(
            graphs, {IMAGES: torch.from_numpy(images), LEFT: torch.from_numpy(images[:1])},
            # graphs of a camera's full size have the plain name: see `warm_up`
            f'{self._kind}{"" if scale == 1 else "_part"}-{width}x{height}-{searched}-'
            f'{self._engine.name}-{self._engine.version}',
        ) if self._engine.needs_onnx else [b''] * STAGES
        prepared = _Prepared(Model(self._engine, graphs, files), images)
        self._prepared[key] = prepared
        for _ in prepared.model.run(prepared.inputs()):
            pass  # the first run allocates, so the costs are those of the next ones
        plain = np.full(size, 127, np.uint8)
        for _ in range(3):
            self.compute(plain, plain, scale=scale)

    def scale_for(self, size: tuple[int, int], seconds: float) -> float:
        """The largest of SCALES at which stage 1 takes no longer; the smallest if none does."""
        for scale in SCALES:
            needed = self.least_cost(size, scale)
            if scale > self._scale:
                needed *= ROOM_TO_GROW
            if needed <= seconds:
                return scale
        return SCALES[-1]

    def least_cost(self, size: tuple[int, int], scale: float = 1.0) -> float:
        """What stage 1 and the end of an estimate will hardly exceed now [s]."""
        return self.cost(size, scale)

    def cost(self, size: tuple[int, int], scale: float = 1.0, *, stage: int = 1, tells: bool = False
             ) -> float:
        """What all stages up to `stage`, and the end, will hardly exceed now [s].

        tells: `on_stage` is called after those before it.
        """
        height, width, _ = self._key(size, scale)
        parts = [*range(1, stage + 1), FINISH, *([FINISH, TELL] if tells else []) * (stage - 1)]
        return self._predict(parts, (height, width), self.clock())

    def _predict(self, parts: Iterable[Hashable], grid: tuple[int, int], now: float) -> float:
        return sum(self.costs.predict((self._kind, part), grid, now) for part in parts)

    def compute(self, left: Image, right: Image, *, stage: int = 0, deadline: float | None = None,
                scale: float = 1.0, on_stage: Callable[[StereoEstimate], None] | None = None
                ) -> StereoEstimate:
        """Match a rectified pair: uint8 [H,W,3] RGB or [H,W] grey, one size, any size.

        stage: the last one to run, 1..4; 0: as far as the deadline allows (all without one).
        deadline: on the matcher's clock; stage 1 always runs. A fixed stage ignores it.
        scale: of the images that are matched, 0..1; the estimate has the size of the pair anyway.
        on_stage: called with the estimate of every stage but the last one, as soon as it is there.

        Raises ValueError when the images do not fit each other or `stage` is out of range.
        """
        if not 0 <= stage <= STAGES:
            raise ValueError(f'stage must be 0..{STAGES}, got {stage}')
        StereoFrame(left, right)  # says what does not fit
        size = left.shape[0], left.shape[1]
        self.make_ready(size, (scale,))
        self._scale = scale
        prepared = self._prepared[self._key(size, scale)]
        grid = prepared.images.shape[1], prepared.images.shape[2]
        inner, shift = _scaled(size, scale), round(self.min_disparity * scale)
        seconds: dict[str, float] = {}
        lap = self.clock()

        def took(name: str, part: Hashable = None) -> None:
            nonlocal lap
            began, lap = lap, self.clock()
            seconds[name] = seconds.get(name, 0.0) + lap - began
            if part is not None:
                self.costs.add((self._kind, part), grid, lap - began, lap)

        def estimate(stage: int, maps: Callable[[str], Map]) -> StereoEstimate:
            columns = maps(f'disparity_{stage}')  # of the stage's grid
            disparity = _at_full_size(columns, grid, inner, size)
            disparity = disparity * np.float32(grid[1] / columns.shape[-1] / scale)
            if shift:
                disparity += np.float32(shift / scale)
            confidence = _sigmoid(_at_full_size(maps(f'confidence_{stage}'), grid, inner, size))
            took(FINISH, FINISH)
            return StereoEstimate(
                disparity=disparity, confidence=confidence, stage=stage, scale=scale,
                min_disparity=self.min_disparity, max_disparity=self.max_disparity,
                network=self._kind, seconds=dict(seconds))

        # left column x meets right column x - d; with the right image moved, d counts from its start
        for target, image, columns in zip(prepared.images, (left, right), (0, shift), strict=True):
            _fill(target, image, inner, columns)
        took('preparation')
        for reached, maps in enumerate(prepared.model.run(prepared.inputs()), start=1):
            took(f'stage_{reached}', reached)
            if reached in (stage, STAGES) or not (stage or deadline is None or self._fits(
                    reached + 1, grid, deadline, tells=on_stage is not None)):
                break
            if on_stage is not None:
                on_stage(estimate(reached, maps))
                took(TELL, TELL)
        self._reached = reached
        return estimate(reached, maps)

    def _fits(self, stage: int, grid: tuple[int, int], deadline: float, *, tells: bool) -> bool:
        """Whether `stage`, the end, and telling of the stage before it make the deadline."""
        now = self.clock()
        parts = [stage, FINISH, *([FINISH, TELL] if tells else [])]
        needed = self._predict(parts, grid, now)
        return now + needed * (ROOM_FOR_STAGE if stage > self._reached else 1.0) <= deadline

    def _key(self, size: tuple[int, int], scale: float) -> tuple[int, int, int]:
        """What a model is compiled for: height, width, searched range, multiples of what the net asks."""
        height, width = _scaled(size, scale)
        return (_rounded_up(height, self._multiple), _rounded_up(width, self._multiple),
                _rounded_up(self.searched * scale, self._multiple))


def load_network(name_or_path: str) -> nn.Module:
    """A stereo network with shipped weights ('anynet', 'anynet_wide') or those of a file.

    Raises FileNotFoundError or ValueError.
    """
    weights = pretrained.read(name_or_path, *KINDS)
    try:
        network = KINDS[weights.network].network(config_from(weights.network, weights.config))
    except (TypeError, ValueError) as error:
        raise ValueError(f'{weights.path} has an unusable configuration: {error}') from error
    pretrained.load_into(network, weights)
    return network


def _rounded_up(pixels: float, multiple: int) -> int:
    return multiple * math.ceil(pixels / multiple)


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _fill(target: Image, image: Image, inner: tuple[int, int], columns: int) -> None:
    """Put an image, resized to `inner` and moved right by `columns`, into [H,W,3].

    What is left below and to the right repeats the last row and column: there disparities stay
    what they are.
    """
    height, width = inner
    if image.shape[:2] != inner:
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    target[:height, :width] = to_rgb(shift_columns(image, columns))
    target[:height, width:] = target[:height, width - 1:width]
    target[height:] = target[height - 1]


def _at_full_size(values: Map, grid: tuple[int, int], inner: tuple[int, int],
                  size: tuple[int, int]) -> Map:
    """[1,1,h,w] of a stage's grid -> [H,W] of the pair, bilinear, as `anynet.at_full_size` does."""
    full = cv2.resize(values[0, 0], grid[::-1], interpolation=cv2.INTER_LINEAR)
    full = full[:inner[0], :inner[1]]
    return full if inner == size else cv2.resize(full, size[::-1], interpolation=cv2.INTER_LINEAR)


def _sigmoid(logit: Map) -> Map:
    exponential: Map = np.asarray(cv2.exp(-logit))  # NumPy's takes twice as long
    exponential += 1
    return np.reciprocal(exponential, out=exponential)

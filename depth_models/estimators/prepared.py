"""What the estimators share: models compiled for image sizes, what they cost, and what fits a deadline."""

import math
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from depth_models import pretrained
from depth_models.budget import Size, StageCosts
from depth_models.engines import Model, choose
from depth_models.engines.export import exported, recently_used
from depth_models.frames import Image, Map
from depth_models.images import resized, shift_columns, to_rgb
from depth_models.networks.graph import Graph
from depth_models.networks.kinds import Kind, config_of

Maps = Callable[[str], Map]  # the tensors that a model has computed, by name

SCALES = (1.0, 0.5, 0.25)  # of the images, when not even stage 1 fits the budget at full size
FINISH, TELL = 'finish', 'intermediate'  # parts beside the stages: to full size; telling of a stage
WARM_UP_SIZE = (480, 640)  # when no size was used before
SIZES_KEPT = 6  # prepared ones: two cameras' sizes at all scales
# to go back to a larger scale, or a stage further than the last frame went, it must fit with room, or
# the node would swing between two; less of it for a stage, which is cheap to be wrong about
ROOM_TO_GROW, ROOM_FOR_STAGE = 1.2, 1.1


class Prepared(NamedTuple):
    """A model compiled for one size, and the arrays that it reads, filled anew for every frame."""

    model: Model
    inputs: Mapping[str, NDArray[Any]]
    grid: Size  # of the images that go in
    stages: int


class Laps:
    """The seconds of one frame's parts, told as each ends."""

    def __init__(self, clock: Callable[[], float], costs: StageCosts, kind: str, grid: Size) -> None:
        self._clock, self._costs, self._kind, self._grid = clock, costs, kind, grid
        self.seconds: dict[str, float] = {}
        self._began = clock()

    def took(self, name: str, part: Hashable = None) -> None:
        """What ran since the last call was `name`; `part`: what the costs know it by, if anything."""
        began, self._began = self._began, self._clock()
        self.seconds[name] = self.seconds.get(name, 0.0) + self._began - began
        if part is not None:
            self._costs.add((self._kind, part), self._grid, self._began - began, self._began)


class PreparedEstimator(ABC):
    """Compiles a network for the sizes that come, runs its stages, and knows what they cost.

    Who derives from it says what is compiled for a size, and turns the stages' maps into an estimate.
    """

    def __init__(self, kind: str, *, engine: str = 'auto', precision: str = 'auto', device: str = 'auto',
                 num_threads: int = 0, clock: Callable[[], float] = time.monotonic,
                 costs: StageCosts | None = None) -> None:
        """kind: of the network, as people and the export cache know it; no '-' in it.

        engine, precision, device, num_threads: see `depth_models.engines.choose`. clock: monotonic
        seconds. costs: those of an estimator that runs in turns with this one; None: its own.
        """
        self.costs = StageCosts() if costs is None else costs
        self._kind = kind
        self._engine, self._why = choose(
            engine, device=device, precision=precision, num_threads=num_threads)
        self.clock = clock
        self._prepared: OrderedDict[tuple[int, ...], Prepared] = OrderedDict()
        self._scale, self._reached = 1.0, 0  # of the last frame; stage 0: there was none

    @abstractmethod
    def _key(self, size: Size, scale: float) -> tuple[int, ...]:
        """What a model is compiled for: height and width of its input, and what else fixes it."""

    @abstractmethod
    def _graphs(self, key: tuple[int, ...]) -> list[Graph]:
        """The stages in order."""

    @abstractmethod
    def _inputs(self, key: tuple[int, ...]) -> Mapping[str, NDArray[Any]]:
        """Arrays for the graphs to read, of whatever costs as much as a frame."""

    @abstractmethod
    def _rehearse(self, size: Size, scale: float) -> None:
        """Estimate from a made-up frame of this size, to learn the costs."""

    def describe(self) -> dict[str, str]:
        """What runs, for people: network, engine and why this one, device, precision."""
        engine = self._engine
        return {'model': self._kind, 'engine': f'{engine.name} {engine.version} ({self._why})',
                'device': engine.device, 'precision': engine.precision}

    def warm_up(self, scales: Sequence[float] = (1.0,)) -> None:
        """Get ready for the size that was used last on this computer, or for a usual one."""
        names = recently_used(f'{self._kind}-')
        self.make_ready(self._size_of(names[0]) if names else self._usual_size(), scales)

    def make_ready(self, size: Size, scales: Sequence[float] = (1.0,)) -> bool:
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

    def _size_of(self, name: str) -> Size:
        """Of the frames that an entry of the export cache is for; `_prepare` gives its name."""
        width, height = map(int, name.split('-')[1].split('x'))
        return height, width

    def _usual_size(self) -> Size:
        return WARM_UP_SIZE

    def _prepare(self, size: Size, scale: float) -> None:
        key = self._key(size, scale)
        graphs, inputs = self._graphs(key), self._inputs(key)
        (height, width), rest = key[:2], key[2:]
        # graphs of a camera's full size have the plain name: see `warm_up`
        part = '' if scale == 1 else '_part'
        name = '-'.join([f'{self._kind}{part}', f'{width}x{height}', *map(str, rest),
                         self._engine.name, self._engine.version])
        files = exported(graphs, {of: torch.from_numpy(array) for of, array in inputs.items()}, name
                         ) if self._engine.needs_onnx else [b''] * len(graphs)
        prepared = Prepared(Model(self._engine, graphs, files), inputs, (height, width), len(graphs))
        self._prepared[key] = prepared
        for _ in prepared.model.run(prepared.inputs):
            pass  # the first run allocates, so the costs are those of the next ones
        for _ in range(3):
            self._rehearse(size, scale)

    def scale_for(self, size: Size, seconds: float) -> float:
        """The largest of SCALES at which stage 1 takes no longer; the smallest if none does."""
        for scale in SCALES:
            needed = self.least_cost(size, scale)
            if scale > self._scale:
                needed *= ROOM_TO_GROW
            if needed <= seconds:
                return scale
        return SCALES[-1]

    def least_cost(self, size: Size, scale: float = 1.0) -> float:
        """What stage 1 and the end of an estimate will hardly exceed now [s]."""
        return self.cost(size, scale)

    def cost(self, size: Size, scale: float = 1.0, *, stage: int = 1, tells: bool = False) -> float:
        """What all stages up to `stage`, and the end, will hardly exceed now [s].

        tells: an estimate is made of those before it too, and somebody told.
        """
        height, width = self._key(size, scale)[:2]
        parts = [*range(1, stage + 1), FINISH, *([FINISH, TELL] if tells else []) * (stage - 1)]
        return self._predict(parts, (height, width), self.clock())

    def _predict(self, parts: Iterable[Hashable], grid: Size, now: float) -> float:
        return sum(self.costs.predict((self._kind, part), grid, now) for part in parts)

    def _start(self, size: Size, scale: float) -> tuple[Prepared, Laps]:
        """The model for images of this size, and the time from now on."""
        self.make_ready(size, (scale,))
        self._scale = scale
        prepared = self._prepared[self._key(size, scale)]
        return prepared, Laps(self.clock, self.costs, self._kind, prepared.grid)

    def _run(self, prepared: Prepared, laps: Laps, *, stage: int, deadline: float | None,
             tells: bool = False) -> Iterator[tuple[int, Maps, bool]]:
        """Run stage after stage: (its number, its maps, whether it is the last one).

        stage: the last one to run; 0: as far as `deadline` on the clock allows, all without one.
        tells: an estimate is made of every stage.
        """
        for reached, maps in enumerate(prepared.model.run(prepared.inputs), start=1):
            laps.took(f'stage_{reached}', reached)
            last = reached in (stage, prepared.stages) or not (stage or deadline is None or self._fits(
                reached + 1, prepared.grid, deadline, tells=tells))
            if last:
                self._reached = reached
            yield reached, maps, last
            if last:
                return

    def _fits(self, stage: int, grid: Size, deadline: float, *, tells: bool) -> bool:
        """Whether `stage`, the end, and telling of the stage before it make the deadline."""
        now = self.clock()
        parts = [stage, FINISH, *([FINISH, TELL] if tells else [])]
        needed = self._predict(parts, grid, now)
        return now + needed * (ROOM_FOR_STAGE if stage > self._reached > 0 else 1.0) <= deadline


def load(name_or_path: str, kinds: Mapping[str, Kind]) -> tuple[nn.Module, dict[str, str]]:
    """A network of one of `kinds`, and the notes of its weights: shipped ones or a .safetensors file.

    Raises FileNotFoundError or ValueError, in one sentence.
    """
    weights = pretrained.read(name_or_path, *kinds)
    try:
        network = kinds[weights.network].network(config_of(kinds, weights.network, weights.config))
    except (TypeError, ValueError) as error:
        raise ValueError(f'{weights.path} has an unusable configuration: {error}') from error
    pretrained.load_into(network, weights)
    return network, weights.notes


def check_stage(stage: int, stages: int) -> None:
    if not 0 <= stage <= stages:
        raise ValueError(f'stage must be 0..{stages}, got {stage}')


def rounded_up(pixels: float, multiple: int) -> int:
    return multiple * math.ceil(pixels / multiple)


def scaled(size: Size, scale: float) -> Size:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def fill(target: Image, image: Image, inner: Size, columns: int = 0) -> None:
    """Put an image, resized to `inner` and moved right by `columns`, into [H,W,3].

    What is left below and to the right repeats the last row and column: there disparities and depths
    stay what they are.
    """
    height, width = inner
    target[:height, :width] = to_rgb(shift_columns(resized(image, inner), columns))
    target[:height, width:] = target[:height, width - 1:width]
    target[height:] = target[height - 1]


def at_full_size(values: Map, grid: Size, inner: Size, size: Size) -> Map:
    """[1,1,h,w] of a stage's grid -> [H,W] of the image, bilinear, as `anynet.at_full_size` does."""
    full = cv2.resize(values[0, 0], grid[::-1], interpolation=cv2.INTER_LINEAR)
    full = full[:inner[0], :inner[1]]
    return full if inner == size else cv2.resize(full, size[::-1], interpolation=cv2.INTER_LINEAR)


def sigmoid(logit: Map) -> Map:
    exponential: Map = np.asarray(cv2.exp(-logit))  # NumPy's takes twice as long
    exponential += 1
    return np.reciprocal(exponential, out=exponential)

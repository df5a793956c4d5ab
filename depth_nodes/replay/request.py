"""What is asked of a replay, checked. No ROS: it travels to wherever the bag is."""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

AUTO, NONE, TOPIC, FOLDER = 'auto', 'none', 'topic:', 'folder:'
TRUTH_KINDS = (AUTO, 'depth', 'kitti_depth', 'disparity')


@dataclass(frozen=True)
class Request:
    """The same for every bag of a command."""

    node: str  # 'stereo'
    config: Path | None = None  # the node's parameters
    parameters: Mapping[str, Any] = field(default_factory=dict)  # these count more
    realtime: bool = False
    rate: float = 1.0  # of the recorded pace
    loops: int = 1
    record: Path | None = None  # a new bag for what the node publishes
    topics: Mapping[str, str] = field(default_factory=dict)  # role -> topic of the bag
    cameras: Mapping[str, Path] = field(default_factory=dict)  # role -> file of a calibration
    truth: str = AUTO  # or 'none', 'topic:/NAME', 'folder:DIR'
    truth_kind: str = AUTO  # of what is in the folder, TRUTH_KINDS
    truth_to_camera: tuple[float, ...] = ()  # 4x4 in row order, of points; empty: as /tf_static says
    slop: float | None = None  # s; None: found
    frames: int = 0  # the first so many sets; 0: all
    left_right: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ValueError(f'--rate must be over 0, got {self.rate:g}')
        if self.loops < 1:
            raise ValueError(f'--loop must be 1 or more, got {self.loops}')
        if self.frames < 0:
            raise ValueError(f'--frames must be 0, for all, or more, got {self.frames}')
        if self.slop is not None and not (math.isfinite(self.slop) and self.slop >= 0):
            raise ValueError(f'--slop must be 0 s or more, got {self.slop:g}')
        if not self.realtime and (self.rate, self.loops) != (1.0, 1):
            raise ValueError('--rate and --loop need --realtime: else a frame takes the time it takes')
        if self.left_right and (self.node != 'stereo' or self.realtime):
            raise ValueError('--left-right needs --node stereo and --every-frame')
        if self.truth not in (AUTO, NONE) and not self.truth.startswith((TOPIC, FOLDER)):
            raise ValueError(f'--truth must be auto, none, topic:/NAME or folder:DIR, got {self.truth!r}')
        if self.truth_kind not in TRUTH_KINDS:
            raise ValueError(f'--truth-kind must be one of {", ".join(TRUTH_KINDS)}, got {self.truth_kind!r}')
        if self.truth_kind != AUTO and not self.truth.startswith(FOLDER):
            raise ValueError('--truth-kind is of the files of --truth folder:DIR: a topic says what it holds')
        if self.config is not None and not self.config.is_file():
            raise FileNotFoundError(f'--config {self.config}: there is no such file')
        if self.record is not None and self.record.exists():
            raise FileExistsError(f'--record {self.record} is there already')

    @classmethod
    def of(cls, options: argparse.Namespace) -> 'Request':
        """Of the arguments of `depth-nodes replay`; ValueError or OSError in a sentence."""
        return cls(
            options.node, options.config,
            {name: _value(text) for name, text in _pairs('--param', options.param).items()},
            options.realtime, options.rate, options.loop, options.record, _pairs('--topic', options.topic),
            {role: Path(file) for role, file in _pairs('--camera-info', options.camera_info).items()},
            options.truth, options.truth_kind, tuple(options.truth_to_camera or ()),
            options.slop, options.frames, options.left_right)

    @property
    def mode(self) -> str:
        return 'realtime' if self.realtime else 'every-frame'


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """['a=b'] -> {'a': 'b'}."""
    found = {}
    for text in texts:
        name, equals, value = text.partition('=')
        if not (name and equals and value):
            raise ValueError(f'{option} takes NAME=VALUE, got {text!r}')
        found[name] = value
    return found


def _value(text: str) -> Any:
    """As a parameter file would read it: a bool, an int, a float, a list of them, else words."""
    if text in ('true', 'false'):
        return text == 'true'
    if text.startswith('['):
        return [_value(each.strip()) for each in text.strip('[]').split(',')]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text

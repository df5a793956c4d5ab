"""One bag, one node, one result. The environment of the ROS graph must be set before this is imported."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo
from tqdm import tqdm

from depth_nodes.replay import result
from depth_nodes.replay.bags import Bag, Writer
from depth_nodes.replay.cameras import read_camera_yaml
from depth_nodes.replay.every_frame import every_frame
from depth_nodes.replay.ground_truth import FolderTruth, GroundTruth, TopicTruth
from depth_nodes.replay.judge import Judge
from depth_nodes.replay.kinds import as_taken, name_of
from depth_nodes.replay.node_config import as_declared, read_config
from depth_nodes.replay.realtime import Source, realtime
from depth_nodes.replay.request import FOLDER, NONE, TOPIC, Request
from depth_nodes.replay.sets import MessageSet, Sets
from depth_nodes.replay.static_transforms import StaticTransforms
from depth_nodes.replay.topics import Choice, choose
from depth_nodes.replay.truth_topic import SLOP
from depth_nodes.sparse_depth import POINTS
from depth_nodes.transforms import IDENTITY, check_transform


def replay_bag(path: Path, request: Request, command: str = '', *, quiet: bool = False) -> dict[str, Any]:
    """The result of `result.assemble`. command: that was given, for the report. quiet: print nothing.

    Raises ValueError or OSError, in a sentence, when the bag or the node cannot be used.
    """
    cameras = {role: read_camera_yaml(file) for role, file in request.cameras.items()}
    own = as_declared(request.parameters, request.node)
    given = {**(read_config(request.config, request.node) if request.config else {}), **own}
    with ExitStack() as keep:
        with Bag(path) as bag:
            choice = choose(request.node, bag.topics, _overrides(request))
            sets = Sets(bag, choice, slop=request.slop, cameras=cameras)
            slop, first, kind = sets.slop, next(iter(sets)), bag.kind  # it raises where there is none
            frame = as_taken(request.node, first.messages).header.frame_id
            parameters = {**given, **_mounted(bag, given, first, frame)}
        for sentence in () if quiet else choice.said:
            print(sentence)
        reading = _Reading(path, choice, request.slop, cameras)
        truth = _truth(keep, path, choice, request, slop, frame)
        judge = Judge(truth)
        bar = keep.enter_context(tqdm(unit='set', total=request.frames or None, desc=path.name,
                                      file=sys.stderr, disable=True if quiet else None))
        if request.realtime:
            source = Source(path, request.node, choice, reading.sets, slop, bool(cameras), request.frames)
            lived = realtime(source, judge, parameters=parameters, rate=request.rate,
                             loops=request.loops, record=request.record, on_frame=bar.update)
            seconds, estimator, notes, missed = (lived.seconds, lived.estimator, lived.notes,
                                                 lived.deadline_missed_share)
        else:
            record = None if request.record is None else keep.enter_context(Writer(request.record))
            ran = every_frame(lambda: reading.sets(request.frames), request.node, judge,
                              parameters=parameters, left_right=request.left_right, record=record,
                              on_frame=bar.update)
            seconds, estimator, notes, missed = ran.seconds, ran.estimator, ran.notes, None
        about = result.about_run(
            command=command, bag=path, kind=kind, node=name_of(request.node), mode=request.mode,
            topics=choice.topics, truth=truth.name if truth else None, estimator=estimator,
            notes=[*choice.said, *reading.said, *notes])
        return result.assemble(about, judge, seconds=seconds, deadline_missed_share=missed)


class _Reading:
    """The sets of a bag, read by whatever thread asks for them, and what that had to say last."""

    def __init__(self, path: Path, choice: Choice, slop: float | None, cameras: Mapping[str, CameraInfo]
                 ) -> None:
        self._path, self._choice, self._slop, self._cameras = path, choice, slop, cameras
        self.said: list[str] = []

    def sets(self, frames: int = 0) -> Iterator[MessageSet]:
        """The first so many; 0: all. Opens the bag anew, as files stay on the thread that opened them."""
        with Bag(self._path) as bag:
            sets = Sets(bag, self._choice, slop=self._slop, cameras=self._cameras)
            try:
                for number, each in enumerate(sets, start=1):
                    yield each
                    if number == frames:
                        return
            finally:
                self.said = [*sets.said, *bag.lost]


def _overrides(request: Request) -> dict[str, str]:
    given = dict(request.topics)
    if request.truth.startswith(TOPIC):
        given['truth'] = request.truth.removeprefix(TOPIC)
    elif request.truth == NONE or request.truth.startswith(FOLDER):
        given['truth'] = 'none'
    return given


def _mounted(bag: Bag, given: Mapping[str, Any], first: MessageSet, frame: str) -> dict[str, Any]:
    """Where points come from a sensor beside the camera, as the bag says it, unless the user does."""
    points = first.messages.get(POINTS)
    said = tuple(given.get('points_to_camera', IDENTITY))
    if points is None or points.header.frame_id == frame or said != IDENTITY:
        return {}
    matrix = StaticTransforms(bag).matrix(points.header.frame_id, frame)
    return {'points_to_camera': [float(value) for value in matrix.ravel()]}


def _truth(keep: ExitStack, path: Path, choice: Choice, request: Request, slop: float, frame: str
           ) -> GroundTruth | None:
    """Where the truth comes from; open as long as `keep`."""
    if request.truth.startswith(FOLDER):
        return FolderTruth(Path(request.truth.removeprefix(FOLDER)), request.truth_kind)
    if choice.truth is None:
        return None
    kind, topic = choice.truth
    transform = None
    if request.truth_to_camera:
        check_transform('--truth-to-camera', request.truth_to_camera)
        transform = np.reshape(request.truth_to_camera, (4, 4))
    return TopicTruth(keep.enter_context(Bag(path)), topic, kind, max(slop, SLOP), transform=transform,
                      camera_frame=frame)

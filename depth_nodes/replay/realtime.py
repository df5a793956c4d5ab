"""
A node lives through a recording as on the robot: a process of its own, over DDS, at the recorded pace.

What it publishes is kept as bytes while it runs, and judged afterwards: nothing computes beside it.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rclpy.serialization import serialize_message

from depth_models.images import resized
from depth_nodes import conversions, low_res
from depth_nodes.replay.bags import Bag, Recorded, Writer
from depth_nodes.replay.judge import Judge, View
from depth_nodes.replay.kinds import NAMESPACE, as_taken, ros_arguments, type_name_of
from depth_nodes.replay.play import STATIC, later
from depth_nodes.replay.session import IMAGE, OUTPUTS, Run, Setup, replay, stamp_ns
from depth_nodes.replay.sets import MessageSet
from depth_nodes.replay.spool import Spool
from depth_nodes.replay.topics import Choice

PAUSE = 100_000_000  # ns, between the end of a loop and the beginning of the next one
TRANSFORMS = ('/tf', STATIC)  # played as they are, where a node can use them
ALWAYS_HEARD = ('depth/image_rect', 'depth/camera_info', 'confidence')
COMPRESSED = 'sensor_msgs/msg/CompressedImage'


@dataclass(frozen=True)
class Source:
    """A recording, as one kind of node is fed with it."""

    path: Path
    kind: str
    choice: Choice
    sets: Callable[[], Iterator[MessageSet]]  # of the whole recording, anew at every call
    slop: float  # s
    from_files: bool  # calibrations are not those of the bag
    frames: int = 0  # the first so many sets; 0: all


class Lived(NamedTuple):
    """What a run took, and what it was."""

    seconds: float
    estimator: dict[str, str]
    deadline_missed_share: float | None
    notes: list[str]


def realtime(source: Source, judge: Judge, *, parameters: Mapping[str, Any] | None = None,
             rate: float = 1.0, loops: int = 1, record: Path | None = None,
             on_frame: Callable[[], object] = lambda: None) -> Lived:
    """Play the recording to the node, then have its answers judged.

    rate: times the recorded pace. loops: times that it is played, with stamps that go on. record: a new
    bag for what the node published. on_frame: called for every set that was sent. Raises ValueError for
    recordings that cannot be played so, ChildProcessError when the node ends.
    """
    plan = _Plan(source, loops)
    setup = Setup(
        source.kind, plan.topics(), counted=f'{NAMESPACE}/{plan.leader}',
        arguments=ros_arguments({**(parameters or {}), **plan.parameters(), 'use_sim_time': True}),
        outputs=_heard(source.kind, record), speed=rate, clock=True)
    with Spool(None if record is None else record.absolute().parent) as spool:
        def hear(topic: str, stamp: int, time_ns: int, data: bytes) -> None:
            spool.add(topic, stamp, time_ns, setup.outputs[topic], data)

        run = replay(setup, plan.messages, plan.first(), hear=hear, forget=spool.forget, on_sent=on_frame)
        if record is not None:
            with Writer(record) as writer:
                for message in spool:
                    writer.write(f'{NAMESPACE}/{message.topic}', message.time_ns, message.type_name,
                                 message.data)
        said = {int(each['stamp_ns']): each for each in run.statistics}
        for stamp, original in plan.stamped():
            _judge_one(judge, source.kind, stamp, original, said.get(stamp), spool)
    kept = [each['budget_kept'] == 'True' for each in said.values()]
    return Lived(run.seconds, _estimator(run), 1 - float(np.mean(kept)) if kept else None,
                 [*plan.notes(), *_notes(run, judge, setup, rate)])


class _Plan:
    """What is played, in which order and under which names."""

    def __init__(self, source: Source, loops: int) -> None:
        self._source, self._loops, choice = source, loops, source.choice
        with Bag(source.path) as bag:
            self._types = {name: info.type_name for name, info in bag.topics.items()}
            counts = {name: info.count for name, info in bag.topics.items()}
            self._period = bag.end_ns - bag.start_ns + PAUSE
        self.leader = next(iter(choice.topics))
        images = [role for role in choice.topics if not role.endswith('camera_info')]
        most = max(counts[topic] for role in images if (topic := choice.topics[role]))
        seldom = [role for role in choice.topics if role not in images
                  and counts.get(choice.topics[role] or '', 0) < 0.9 * most]
        compressed = {role in choice.compressed for role in images if role.endswith('image_rect')
                      and role != low_res.LOW_RES}
        # a calibration that came once belongs to all images, and what is rectified is made anew
        self._made = bool(choice.raw or source.from_files or seldom or len(compressed) > 1)
        self._compressed = compressed == {True} and not self._made

    def topics(self) -> dict[str, str]:
        """To be published: name -> type name."""
        choice = self._source.choice
        found = {self._name(role): IMAGE if self._made and role in choice.compressed | choice.raw
                 else self._types.get(topic or '', 'sensor_msgs/msg/CameraInfo')
                 for role, topic in choice.topics.items()}
        return {**found, **{name: self._types[name] for name in self._transforms()}}

    def parameters(self) -> dict[str, Any]:
        """Of the node, beside those that were asked for."""
        found: dict[str, Any] = {}
        if self._compressed:
            found['image_transport'] = 'compressed'
        if self._source.slop and not self._made:
            found |= {'approximate_sync': True, 'approximate_sync_tolerance_seconds': self._source.slop}
        return found

    def first(self) -> list[Recorded]:
        """A set that the node can answer."""
        first = next(self._source.sets(), None)
        if first is None:
            raise ValueError(f'{self._source.path}: no set of messages is complete')
        return list(self._of_set(first))

    def messages(self) -> Iterator[Recorded]:
        """Everything that is played, loop after loop."""
        for loop in range(self._loops):
            for message in self._made_messages() if self._made else self._recorded_messages():
                yield later(message, loop * self._period)

    def stamped(self) -> Iterator[tuple[int, MessageSet]]:
        """(stamp in ns, set) of what an answer is expected to; loops shift the stamps."""
        for loop in range(self._loops):
            for each in islice(self._source.sets(), self._source.frames or None):
                header = as_taken(self._source.kind, each.messages).header
                yield stamp_ns(header) + loop * self._period, each

    def notes(self) -> list[str]:
        if not self._made:
            return []
        return ['messages were made anew before they were played, as images had to be rectified or '
                'calibrations to be repeated: those of a set were sent together, at the time of its last one']

    def _recorded_messages(self) -> Iterator[Recorded]:
        roles = {topic: role for role, topic in self._source.choice.topics.items() if topic}
        left = self._source.frames or -1
        with Bag(self._source.path) as bag:
            for message in bag.messages([*roles, *self._transforms()]):
                role = roles.get(message.topic)
                if role == self.leader:
                    if left == 0:
                        return
                    left -= 1
                yield message if role is None else message._replace(topic=self._name(role))

    def _made_messages(self) -> Iterator[Recorded]:
        for each in islice(self._source.sets(), self._source.frames or None):
            yield from self._of_set(each)

    def _of_set(self, each: MessageSet) -> Iterator[Recorded]:
        header = as_taken(self._source.kind, each.messages).header
        for role, message in each.messages.items():
            if message is None:
                continue
            if self._made and role.endswith(('image_rect', 'camera_info')):
                message.header.stamp = header.stamp  # of one set
                if type_name_of(message) == COMPRESSED:
                    message = conversions.image_message(
                        message.header, pixels := conversions.read_image(message, role),
                        'mono8' if pixels.ndim == 2 else 'rgb8')
            yield Recorded(self._name(role), each.time_ns, type_name_of(message), serialize_message(message))

    def _transforms(self) -> list[str]:
        if find_spec('tf2_msgs') is None:  # then no node can listen, either
            return []
        return [name for name in TRANSFORMS if name in self._types]

    def _name(self, role: str) -> str:
        packed = self._compressed and role in self._source.choice.compressed
        return f'{NAMESPACE}/{role}' + '/compressed' * packed


def _heard(kind: str, record: Path | None) -> dict[str, str]:
    names = (*ALWAYS_HEARD, *(('disparity',) if kind == 'stereo' else ()),
             *(('points',) if record is not None else ()))
    return {name: OUTPUTS[name] for name in names}


def _judge_one(judge: Judge, kind: str, stamp: int, original: MessageSet, said: Mapping[str, str] | None,
               spool: Spool) -> None:
    if said is None:
        judge.missed(stamp)
        return
    judge.answered(stamp, float(said['total_ms']), int(said['stage']), _view(kind, stamp, original, spool),
                   truth_ns=original.stamp_ns)


def _view(kind: str, stamp: int, original: MessageSet, spool: Spool) -> View | None:
    """What was published; None where that has no metric depth."""
    depth_message, info = spool.get('depth/image_rect', stamp), spool.get('depth/camera_info', stamp)
    if depth_message is None or info is None:
        return None
    depth = conversions.read_depth(depth_message, 'depth/image_rect')
    camera = conversions.read_camera(info, 'depth/camera_info', (depth.shape[1], depth.shape[0]))
    confidence_message = spool.get('confidence', stamp)
    confidence = (np.full(depth.shape, np.nan, np.float32) if confidence_message is None
                  else conversions.read_map(confidence_message, 'confidence'))
    if kind == 'stereo':
        frame = conversions.read_stereo(as_taken(kind, original.messages))  # type: ignore[arg-type]
        found = spool.get('disparity', stamp)
        disparity = None if found is None else conversions.read_disparity(found, 'disparity')
        return View(frame.left, camera, depth, confidence, frame.camera, disparity, frame.right)
    message = original.messages.get(low_res.GUIDE)
    image = (np.full(depth.shape, 255, np.uint8) if message is None
             else resized(conversions.read_image(message, low_res.GUIDE), depth.shape))
    return View(image, camera, depth, confidence)


def _estimator(run: Run) -> dict[str, str]:
    """What the node says of its estimator, without its counters."""
    counters = {'received', 'published', 'dropped', 'rejected', 'ignored', 'latency_ms_p50', 'latency_ms_max',
                'stage_mean', 'budget_kept'}
    return {name: value for name, value in run.about.items() if name not in counters}


def _notes(run: Run, judge: Judge, setup: Setup, rate: float) -> list[str]:
    said = [f'played over DDS at {rate:g} times the recorded pace, to a node of its own process; '
            f'{", ".join(setup.outputs)} were listened to; latency is from the last message of a set to '
            'the last output']
    if run.lateness:
        p99 = 1e3 * float(np.percentile(run.lateness, 99))
        said.append(f'messages were sent {1e3 * statistics.median(run.lateness):.2f} ms late in the median, '
                    f'{p99:.2f} ms at the 99th percentile')
    if run.statistics:
        last = run.statistics[-1]
        missed = sum(row.stage is None for row in judge.rows)
        said.append(f'of {missed} sets without an answer {last["dropped"]} were replaced by newer ones while '
                    f'the node was busy, and {last["rejected"]} could not be used, by its count at the last '
                    'answer')
    said += [f'the node said: {text}' for text in sorted(run.complaints) if text]
    return said

"""Sets of messages as a node takes them, out of a bag: matched, in order, calibrated, rectified."""

import struct
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from sensor_msgs.msg import CameraInfo

from depth_nodes.replay.findings import Findings
from depth_nodes.replay.matcher import Matcher, Stamped
from depth_nodes.replay.recorded import Recorded
from depth_nodes.replay.rectifying import Rectifying
from depth_nodes.replay.roles import CALIBRATION
from depth_nodes.replay.stamps import SECOND, Slop, find_slop, header_stamp, period
from depth_nodes.replay.topics import Choice

SAMPLE = 200  # messages of each topic that the slop is found from
STAMP_END = 12  # bytes of a CDR message up to the end of the header's stamp


class Messages(Protocol):
    """What is needed of a bag."""

    def messages(self, topics: Collection[str] | None = None) -> Iterator[Recorded]:
        """In the order of recording; each call begins anew."""
        ...


class MessageSet(NamedTuple):
    """One set."""

    stamp_ns: int  # of the role that sets are built around
    time_ns: int  # when the last message of it was recorded
    messages: dict[str, Any]  # role -> message, rectified; optional ones may be missing


class Sets:
    """The sets of a bag, in the order of their stamps; each iteration reads the bag anew."""

    def __init__(self, bag: Messages, choice: Choice, *, slop: float | None = None,
                 cameras: Mapping[str, CameraInfo] = MappingProxyType({})) -> None:
        """slop: between the stamps of a set [s]; None: found. cameras: of files, by role, instead of topics.

        Raises ValueError, in a sentence, when a calibration is missing or none, or when a topic that
        is needed brings nothing.
        """
        self._bag, self._choice = bag, choice
        self._prepared: list[str] = []  # sentences
        infos = self._calibrations(cameras)
        self._roles = {role: topic for role, topic in choice.topics.items()
                       if topic is not None and not role.endswith('camera_info')
                       and self._has_camera(role, infos)}
        self._info_topics = {role: topic for role, topic in choice.topics.items()
                             if role in infos and role not in cameras and topic is not None}
        self._rectifying = Rectifying(
            {role: topic for role, topic in self._roles.items() if role in choice.raw}, infos)
        self._calibrated = infos
        stamps, times = self._sample()
        self._without_stamps = {role for role, found in stamps.items() if found and not any(found)}
        for role in self._without_stamps:
            self._prepared.append(f'{self._roles[role]} has no stamps: they are the times of recording.')
            stamps[role] = times[role]
        first, *others = stamps
        self._period = period(stamps[first])  # [ns]
        self._slop = self._tolerance([*others], stamps, slop)
        self.slop = self._slop / SECOND
        self._begin()

    @property
    def said(self) -> list[str]:
        """What was found about the recording, a sentence each; of the sets, as far as they were read."""
        return [*self._prepared, *self._rectifying.said, *self._findings.said()]

    def __iter__(self) -> Iterator[MessageSet]:
        self._begin()
        roles = {topic: [role for role, of in self._roles.items() if of == topic]
                 for topic in self._roles.values()}
        infos = {topic: [role for role, of in self._info_topics.items() if of == topic]
                 for topic in self._info_topics.values()}
        for recorded in self._bag.messages({*roles, *infos}):
            for role in infos.get(recorded.topic, ()):
                self._latch(role, recorded)
            for role in roles.get(recorded.topic, ()):
                stamp = self._stamp(role, recorded)
                if stamp is not None:
                    for found in self._matcher.add(role, stamp, recorded.time_ns, recorded):
                        yield from self._made(found)
        for found in self._matcher.flush():
            yield from self._made(found)
        if not self._findings.sets:
            why = ' '.join(self._findings.said()) or 'they have no messages that can be read.'
            raise ValueError(f'no set of {", ".join(self._roles.values())} could be made: {why}')

    def _begin(self) -> None:
        self._matcher = Matcher([*self._roles], self._choice.optional, self._slop)
        self._findings = Findings(self._roles, self._matcher, self._period)
        self._infos = dict(self._calibrated)  # role of a camera_info -> the newest one
        self._latched: dict[str, bytes] = {}  # role of a camera_info -> what came on it

    # before the first set

    def _calibrations(self, cameras: Mapping[str, CameraInfo]) -> dict[str, CameraInfo]:
        """role of a camera_info -> the first one, or that of a file."""
        choice, found = self._choice, {}
        for role in cameras:
            if role not in choice.topics:
                there = [name for name in choice.topics if name.endswith('camera_info')]
                raise ValueError(f'--camera-info {role}: there is no such topic, expected {", ".join(there)}')
        for role, topic in choice.topics.items():
            if not role.endswith('camera_info'):
                continue
            if role in cameras:
                found[role] = cameras[role]
                self._prepared.append(f'{role} is that of a file{f", not {topic}" if topic else ""}.')
                continue
            first = None if topic is None else next(self._bag.messages([topic]), None)
            if first is not None:
                found[role] = first.message()
            elif role not in choice.optional:
                raise ValueError(f'{role} is not in the bag; give it by --camera-info {role}=FILE.yaml, as '
                                 f'camera_calibration writes it')
        return found

    def _has_camera(self, role: str, infos: Mapping[str, CameraInfo]) -> bool:
        info = CALIBRATION.get(role)
        if info is None or info not in self._choice.topics or info in infos:
            return True
        self._prepared.append(f'{role} is left out, as its {info} is not in the bag; it can be given by '
                              f'--camera-info {info}=FILE.yaml.')
        return False

    def _sample(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Stamps and times of recording [ns] of the first messages of each role."""
        stamps: dict[str, list[int]] = {role: [] for role in self._roles}
        times: dict[str, list[int]] = {role: [] for role in self._roles}
        for number, recorded in enumerate(self._bag.messages({*self._roles.values()})):
            for role, topic in self._roles.items():
                if topic == recorded.topic and len(recorded.data) >= STAMP_END:
                    stamps[role].append(header_stamp(recorded.data))
                    times[role].append(recorded.time_ns)
            if number + 1 >= SAMPLE * len(stamps):
                break
        for role, topic in self._roles.items():
            if not stamps[role] and role not in self._choice.optional:
                raise ValueError(f'{role}: nothing can be read on {topic}')
        return stamps, times

    def _tolerance(self, others: list[str], stamps: Mapping[str, list[int]], given: float | None) -> int:
        """The slop [ns]."""
        found = find_slop(next(iter(stamps.values())), [stamps[role] for role in others])
        allowed = found.allowed if given is None else round(given * SECOND)
        if given is not None:
            self._prepared.append(f'Stamps of a set may differ by {given * 1e3:g} ms, as was asked.')
        elif others:
            self._prepared.append(_about(found, [self._roles[role] for role in stamps]))
        return allowed

    # while reading

    def _stamp(self, role: str, recorded: Recorded) -> int | None:
        if role in self._without_stamps:
            return recorded.time_ns
        try:
            return header_stamp(recorded.data)
        except struct.error:
            self._findings.unreadable(role, 'it is cut off')
            return None

    def _latch(self, role: str, recorded: Recorded) -> None:
        """The calibration from now on; drivers send the same again and again."""
        content = recorded.data[STAMP_END:]
        before = self._latched.get(role)
        if content != before:
            self._latched[role] = content
            self._infos[role] = recorded.message()
            if before is not None:
                self._findings.recalibrated(role)

    def _made(self, found: Mapping[str, Stamped]) -> Iterator[MessageSet]:
        """The messages of a set; none when one that it needs cannot be read."""
        messages: dict[str, Any] = {}
        for role, stamped in found.items():
            try:
                messages[role] = stamped.item.message()
            except RuntimeError:  # of the middleware, whose words would be no help
                self._findings.unreadable(role, f'its bytes are no {stamped.item.type_name}')
                continue
            if role in self._without_stamps:
                stamp = messages[role].header.stamp
                stamp.sec, stamp.nanosec = divmod(stamped.stamp, SECOND)
        messages |= self._infos
        for role, why in self._rectifying.rectify(messages).items():
            self._findings.unreadable(role, why)
        if any(role not in messages for role in self._roles if role not in self._choice.optional):
            return
        stamp = next(iter(found.values())).stamp
        self._findings.set_of(stamp)
        yield MessageSet(stamp, max(each.time for each in found.values()), messages)


def _about(slop: Slop, topics: list[str]) -> str:
    if not slop.allowed:
        return f'Stamps of {", ".join(topics)} are equal: sets are matched exactly.'
    return (f'Stamps of {", ".join(topics)} differ by {slop.median * 1e-6:.3g} ms in the median and '
            f'{slop.largest * 1e-6:.3g} ms at most: sets are matched within {slop.allowed * 1e-6:.3g} ms.')

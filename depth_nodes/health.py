"""
What a node says about itself: /diagnostics once a second, ~/statistics for every answer, the log.

Everything is counted here, by whatever thread; nothing here decides anything.
"""

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from std_msgs.msg import Header

from depth_nodes.conversions import UnreadableImage
from depth_nodes.inputs import StaleSet, SynchronizedInputs

FORGET = 5.0  # s: how long a rejected frame shows in diagnostics
REPEAT = 30.0  # s: between log lines that say the same


@dataclass(frozen=True)
class Remarks:
    """What a node has to say of one answer beside its times."""

    values: Mapping[str, object] = field(default_factory=dict)
    warning: str = ''  # what the answer lacks, in a sentence


class Report(Protocol):
    """What there is to say of one answered set."""

    @property
    def header(self) -> Header: ...

    @property
    def lasting(self) -> str: ...  # a warning that counts for some seconds; ''

    @property
    def passing(self) -> str: ...  # a warning that is over with the next answer; ''

    @property
    def name(self) -> str: ...  # of what `values` are about

    @property
    def level(self) -> bytes: ...

    @property
    def message(self) -> str: ...

    def values(self) -> Mapping[str, object]:
        """By name, for the topic of every answer."""

    def summary(self, recent: Sequence[Any]) -> Mapping[str, object]:
        """By name, for diagnostics; recent: reports of this kind, this one the last."""


@dataclass(frozen=True)
class FrameReport:
    """What one answered frame took. All times in seconds."""

    header: Header
    network: str
    stage: int  # of the network
    scale: float  # of the images that were matched
    shortfall: str  # what the budget does not allow, in a sentence; '' where it allows enough
    parts: Mapping[str, float]  # 'queue', 'conversion', 'stage_1' ..., 'publishing', in order
    total: float  # from the last message of the set to the last output
    budget: float
    remarks: Remarks = field(default_factory=Remarks)

    name = 'frame'

    @property
    def lasting(self) -> str:
        return self.shortfall

    @property
    def passing(self) -> str:
        return self.remarks.warning

    @property
    def kept(self) -> bool:
        """Whether it was answered within the budget."""
        return self.total <= self.budget

    @property
    def level(self) -> bytes:
        return DiagnosticStatus.OK if self.kept else DiagnosticStatus.WARN

    @property
    def message(self) -> str:
        return 'within budget' if self.kept else 'over budget'

    def values(self) -> dict[str, object]:
        return {'network': self.network, 'stage': self.stage, 'scale': self.scale,
                **{f'{part}_ms': f'{seconds * 1e3:.3f}' for part, seconds in self.parts.items()},
                'total_ms': f'{self.total * 1e3:.3f}', 'budget_ms': f'{self.budget * 1e3:.3f}',
                'budget_kept': self.kept, **self.remarks.values}

    def summary(self, recent: Sequence['FrameReport']) -> dict[str, object]:
        totals = sorted(report.total for report in recent)
        return {'latency_ms_p50': f'{totals[len(totals) // 2] * 1e3:.1f}',
                'latency_ms_max': f'{totals[-1] * 1e3:.1f}',
                'stage_mean': f'{sum(report.stage for report in recent) / len(recent):.2f}',
                'budget_kept': f'{sum(report.kept for report in recent) / len(recent):.3f}',
                **self.remarks.values}


@dataclass(frozen=True)
class _Fault:
    level: bytes
    text: str


class Health:
    """Counters and faults of a node; publishes them while it is open."""

    def __init__(self, node: Node, inputs: SynchronizedInputs, about: Mapping[str, str], *,
                 subject: str = 'depth', topic: str = '~/statistics') -> None:
        """about: what else diagnostics should show, name -> value. subject: of the diagnostics.

        topic: of the reports.
        """
        self._node, self._inputs, self._about = node, inputs, about
        self._subject, self._topic = subject, topic
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._rejected: tuple[float, _Fault] | None = None  # when [monotonic s], and why
        self._ignored: tuple[float, _Fault] | None = None
        self._shortfall: tuple[float, _Fault] | None = None
        self._lack: tuple[float, _Fault] | None = None
        self._recent: deque[Report] = deque(maxlen=100)
        self._said_missing = float('-inf')  # monotonic s

    def __enter__(self) -> 'Health':
        node = self._node
        self._diagnostics = node.create_publisher(DiagnosticArray, '/diagnostics', 1)
        self._statistics = node.create_publisher(DiagnosticArray, self._topic, 1)
        self._timer = node.create_timer(1.0, self._beat)
        return self

    def __exit__(self, *_: object) -> None:
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._statistics)
        self._node.destroy_publisher(self._diagnostics)

    def drop(self) -> None:
        """A set was replaced by a newer one before its turn came."""
        with self._lock:
            self._counts['dropped'] += 1

    def reject(self, error: Exception) -> None:
        """A set that cannot be used, or on which something broke: counted, logged, shown."""
        fault = _fault(error)
        with self._lock:
            self._counts['rejected'] += 1
            self._rejected = time.monotonic(), fault
        self._node.get_logger().error(f'frame dropped: {fault.text}', throttle_duration_sec=5.0)

    def ignore(self, error: Exception) -> None:
        """A message beside the set that cannot be used; the set is answered without it."""
        fault = _fault(error)
        with self._lock:
            self._counts['ignored'] += 1
            self._ignored = time.monotonic(), fault
        self._node.get_logger().error(f'ignored: {fault.text}', throttle_duration_sec=5.0)

    def answer(self, report: Report) -> None:
        """A set was answered: count it and tell the topic of reports, when somebody listens there."""
        with self._lock:
            self._counts['published'] += 1
            self._recent.append(report)
            if report.lasting:
                self._shortfall = time.monotonic(), _Fault(DiagnosticStatus.WARN, report.lasting)
            warning = report.passing
            self._lack = (time.monotonic(), _Fault(DiagnosticStatus.WARN, warning)) if warning else None
            counts = dict(self._counts)
        if self._statistics.get_subscription_count() == 0:
            return
        values = {**report.values(), **{name: counts.get(name, 0) for name in ('dropped', 'rejected')}}
        self._statistics.publish(DiagnosticArray(header=report.header, status=[DiagnosticStatus(
            level=report.level, name=f'{self._node.get_name()}: {report.name}', message=report.message,
            values=_key_values(values))]))

    def _beat(self) -> None:
        missing, now = self._inputs.missing(), time.monotonic()
        if missing is None:
            self._said_missing = float('-inf')
        elif now - self._said_missing >= REPEAT:
            self._said_missing = now
            self._node.get_logger().warning(missing)
        array = DiagnosticArray(status=[self._status(missing, now)])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def _status(self, missing: str | None, now: float) -> DiagnosticStatus:
        with self._lock:
            counts, recent = dict(self._counts), list(self._recent)
            noted = [self._rejected, self._ignored, self._shortfall, self._lack]
        faults = [_Fault(DiagnosticStatus.ERROR, text)
                  for text in self._inputs.incompatible.values()]
        faults += [note[1] for note in noted if note is not None and now - note[0] <= FORGET]
        if missing is not None:
            faults.append(_Fault(DiagnosticStatus.WARN, missing))
        faults.sort(key=lambda fault: fault.level, reverse=True)
        working = 'working' if self._inputs.is_open else 'idle: nobody listens to an output'
        values: dict[str, object] = {
            **self._about, 'received': self._inputs.sets,
            **{name: counts.get(name, 0) for name in ('published', 'dropped', 'rejected')},
            **({'ignored': counts['ignored']} if 'ignored' in counts else {})}
        if recent:
            values |= recent[-1].summary(recent)
        return DiagnosticStatus(
            level=faults[0].level if faults else DiagnosticStatus.OK,
            name=f'{self._node.get_name()}: {self._subject}',
            message='; '.join(fault.text for fault in faults) or working,
            values=_key_values(values))


def _fault(error: Exception) -> _Fault:
    # a ValueError is about the input; anything else is about us, and then its type matters
    text = str(error) if isinstance(error, ValueError) else f'{type(error).__name__}: {error}'
    # one bad or late image may be an accident; a calibration or a mistake of ours stays
    passing = isinstance(error, UnreadableImage | StaleSet)
    return _Fault(DiagnosticStatus.WARN if passing else DiagnosticStatus.ERROR, text)


def _key_values(values: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=str(value)) for key, value in values.items()]

"""What came on input topics lately, and what is missing when no set comes: sentences for the operator."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import median

Group = tuple[str, ...]  # topics of which a set needs one


class TopicCount:
    """What one topic brought since it was subscribed."""

    def __init__(self) -> None:
        self.messages = 0
        self.stamps_ns: deque[int] = deque(maxlen=16)  # of the newest messages
        self._arrivals: deque[float] = deque(maxlen=30)  # monotonic s

    def add(self, stamp_ns: int) -> bool:
        """Count a message; True when its stamp lies before the one of the message before it."""
        back = bool(self.stamps_ns) and stamp_ns < self.stamps_ns[-1]
        if back:
            self.stamps_ns.clear()
        self.messages += 1
        self._arrivals.append(time.monotonic())
        self.stamps_ns.append(stamp_ns)
        return back

    def rate(self) -> float:
        """Messages a second, of the last ones [Hz]; falls to 0 when they stop coming."""
        if len(self._arrivals) < 2:
            return 0.0
        return (len(self._arrivals) - 1) / max(time.monotonic() - self._arrivals[0], 1e-9)

    def came_within(self, seconds: float) -> bool:
        return bool(self._arrivals) and time.monotonic() - self._arrivals[-1] <= seconds

    def period(self) -> float | None:
        """Between stamps [s]; None until three of them can outvote a gap."""
        steps = [later - earlier for earlier, later in pairwise(self.stamps_ns) if later > earlier]
        return median(steps) * 1e-9 if len(steps) >= 3 else None


def rates(counts: Mapping[str, TopicCount], publishers: Callable[[str], int]) -> list[str]:
    """A line for every topic; publishers: how many there are of a name."""
    lines = []
    for name, count in counts.items():
        number = publishers(name)
        lines.append(f'  {name}: {count.messages} messages, {count.rate():.1f} Hz, '
                     f'{number} publisher{"" if number == 1 else "s"}')
    return lines


def why_silent(counts: Mapping[str, TopicCount], needed: Sequence[Group], publishers: Callable[[str], int],
               *, within: float, qos: str) -> str:
    """Why there is no set though all topics should come, in a sentence; '' where every topic does come.

    needed: what every set has one of. within: a topic that brought nothing for so long is silent [s].
    qos: what is asked for, in words.
    """
    silent = [group for group in needed if not any(counts[name].came_within(within) for name in group)]
    unpublished = [group for group in silent if not any(map(publishers, group))]
    if unpublished:
        return (f'Nobody publishes {_words(unpublished)}: remap it to the name that your '
                f'camera uses (see `ros2 topic list`).')
    if not silent:
        return ''
    images = [group for group in silent if not group[0].endswith('camera_info')]
    has_info = any(group[0].endswith('camera_info') for group in needed)
    if images and has_info and len(silent) == len(images) < len(needed):
        return (f'camera_info comes, but {_words(images)} does not: Fast DDS loses large '
                'best-effort messages through its small shared-memory segment. Start '
                'publisher and node with FASTDDS_DEFAULT_PROFILES_FILE=<share/depth_nodes/'
                'config/fastdds.xml>, or set qos_overrides.<topic>.subscription.reliability '
                'to reliable.')
    return (f'{_words(silent)} has a publisher but nothing arrives: compare its QoS '
            f'(`ros2 topic info -v`) with {qos}, which this node asks for.')


def stamp_gap(counts: Mapping[str, TopicCount]) -> float:
    """How far the stamps of what belongs together lie apart [s]."""
    recent = [count.stamps_ns for count in counts.values() if count.stamps_ns]
    # the newest that every topic has reached: some may have brought the next set already
    reached = min((stamps[-1] for stamps in recent), default=0)
    nearest = [min(stamps, key=lambda stamp: abs(stamp - reached)) for stamps in recent]
    return (max(nearest) - min(nearest)) * 1e-9 if nearest else 0.0


def _words(groups: Sequence[Group]) -> str:
    return ', '.join(' or '.join(group) for group in groups)

"""How sensors are mounted, as /tf_static of a recording says; needs no tf2."""

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rosbags.typesys import Stores, get_typestore

from depth_nodes.replay.recorded import Recorded, TopicInfo
from depth_nodes.transforms import matrix_of

TYPE, TOPIC = 'tf2_msgs/msg/TFMessage', 'tf_static'


class Recording(Protocol):
    """What is asked of a bag."""

    topics: dict[str, TopicInfo]

    def messages(self, topics: Collection[str] | None = None) -> Iterator[Recorded]: ...


class StaticTransforms:
    """The frames that are fixed to each other."""

    def __init__(self, bag: Recording) -> None:
        """Reads all of the bag's /tf_static, in whatever namespace."""
        topics = [name for name, info in bag.topics.items()
                  if info.type_name == TYPE and name.rsplit('/', 1)[-1] == TOPIC]
        self._above = {_plain(one.child_frame_id): (_plain(one.header.frame_id), matrix_of(one.transform))
                       for one in _transforms(bag.messages(topics) if topics else ())}

    def matrix(self, source: str, target: str) -> NDArray[np.float64]:
        """4x4: points of frame `source` in frame `target` [m]. Raises ValueError where nothing says it."""
        (root, up), (other_root, other_up) = (self._to_root(_plain(frame)) for frame in (source, target))
        if root != other_root:
            known = ', '.join(sorted({*self._above, *(above for above, _ in self._above.values())}))
            raise ValueError(f"the bag's /tf_static does not say where {source!r} is from {target!r}, it has "
                             f'{known or "no frames"}; give the 4x4 transform (--truth-to-camera)')
        return np.linalg.inv(other_up) @ up

    def _to_root(self, frame: str) -> tuple[str, NDArray[np.float64]]:
        """The frame that hangs from no other, and the way there."""
        way, passed = np.eye(4), {frame}
        while frame in self._above:
            frame, matrix = self._above[frame]
            if frame in passed:
                raise ValueError(f"the bag's /tf_static goes in a circle at {frame!r}")
            passed.add(frame)
            way = matrix @ way
        return frame, way


def _transforms(messages: Iterable[Recorded]) -> Iterator:
    store = get_typestore(Stores.ROS2_HUMBLE)  # ROS 2 from wheels has no tf2_msgs
    for recorded in messages:
        yield from store.deserialize_cdr(recorded.data, TYPE).transforms


def _plain(frame: str) -> str:
    return frame.removeprefix('/')  # ROS 1

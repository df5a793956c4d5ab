"""Ground truth on a topic of a recording."""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image, PointCloud2
from stereo_msgs.msg import DisparityImage

from depth_nodes import conversions
from depth_nodes.replay.recorded import Recorded
from depth_nodes.replay.stamps import SECOND, header_stamp
from depth_nodes.replay.static_transforms import Recording, StaticTransforms
from depth_nodes.replay.truth_by_stamp import ByStamp
from depth_nodes.replay.truth_maps import Fit, of_depth, of_disparity, of_disparity_message, of_points

SLOP = 0.02  # s
KEPT = SECOND  # ns: messages that are older than what was last asked for may still be asked for
LATE = SECOND // 2  # ns: some are recorded so much after later ones
STAMPED = 12  # bytes, at least, of a message with a header


class TopicTruth(ByStamp):
    """
    Ground truth on a topic of a bag: read forwards, as frames ask for it, a second kept.

    kind 'depth': images of 32FC1 m or 16UC1 mm. 'disparity': stereo_msgs/DisparityImage, or images of
    32FC1 px. 'points': sensor_msgs/PointCloud2, projected; points that nearer ones hide are left out.
    """

    def __init__(self, bag: Recording, topic: str, kind: str, slop: float = SLOP, *,
                 transform: NDArray[np.float64] | None = None, camera_frame: str = '') -> None:
        """
        bag: opened for this alone, as it is read at another place than for the frames.

        transform: 4x4 from the frame of the points to the camera's optical frame; None: as the bag's
        /tf_static says, if camera_frame is given and is another one, else points are in the camera's.
        """
        if kind not in ('depth', 'disparity', 'points'):
            raise ValueError(f'ground truth must be depth, disparity or points, got {kind!r}')
        if topic not in bag.topics:
            raise ValueError(f'there is no topic {topic} for ground truth; the bag has '
                             f'{", ".join(sorted(bag.topics))}')
        super().__init__(f'{topic} ({kind})', slop)
        self._bag, self._topic, self._kind = bag, topic, kind
        self._transform, self._camera_frame = transform, camera_frame
        self._mounted = (StaticTransforms(bag) if kind == 'points' and transform is None and camera_frame
                         else None)
        self._rewind()

    def _rewind(self) -> None:
        self._coming = self._bag.messages([self._topic])
        self._window: deque[tuple[int, Recorded]] = deque()
        self._ended, self._forgotten = False, -1  # ns: nothing up to here is in the window any more

    def _nearest(self, stamp_ns: int) -> int | None:
        if stamp_ns - self._slop <= self._forgotten:  # from the start again, as after a jump back
            self._rewind()
        until = stamp_ns + self._slop + LATE
        while not self._ended and not any(stamp > until for stamp, _ in self._window):
            self._take()
        while len(self._window) > 1 and self._window[0][0] < stamp_ns - self._slop - KEPT:
            self._forgotten = max(self._forgotten, self._window.popleft()[0])
        stamps = [stamp for stamp, _ in self._window]
        return min(stamps, key=lambda stamp: abs(stamp - stamp_ns), default=None)

    def _take(self) -> None:
        recorded = next(self._coming, None)
        if recorded is None:
            self._ended = True
        elif len(recorded.data) >= STAMPED:  # else it has no stamp to be found by
            self._window.append((header_stamp(recorded.data), recorded))

    def _read(self, stamp: int) -> Fit:
        recorded = next(recorded for at, recorded in self._window if at == stamp)
        try:
            message = recorded.message()
        except Exception as error:  # whatever its middleware raises
            raise ValueError(f'{self._topic}: a message of {len(recorded.data)} bytes is no '
                             f'{recorded.type_name}: {error}') from error
        if self._kind == 'points':
            return self._of_points(message)
        if isinstance(message, DisparityImage):
            return of_disparity_message(message, self._topic)
        if not isinstance(message, Image):
            raise ValueError(f'{self._topic}: {recorded.type_name} holds no {self._kind}')
        if self._kind == 'depth':
            return of_depth(conversions.read_depth(message, self._topic), self._topic)
        return of_disparity(conversions.read_map(message, self._topic), self._topic)

    def _of_points(self, message: Any) -> Fit:
        if not isinstance(message, PointCloud2):
            raise ValueError(f'{self._topic}: {type(message).__name__} holds no points')
        transform, frame = self._transform, message.header.frame_id
        if self._mounted is not None and frame != self._camera_frame:
            transform = self._mounted.matrix(frame, self._camera_frame)
        return of_points(conversions.read_points(message, self._topic), transform, self._topic)

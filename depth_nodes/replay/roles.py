"""The topics of every kind of node, as a bag has to fill them."""

from typing import NamedTuple, Protocol

from depth_nodes.conversions import MONO_TOPICS, STEREO_TOPICS
from depth_nodes.low_res import LOW_RES, LOW_RES_INFO
from depth_nodes.replay.topic_names import COMPRESSED, IMAGE, INFO, POINTS
from depth_nodes.sparse_depth import IMAGE as SPARSE_IMAGE
from depth_nodes.sparse_depth import POINTS as SPARSE_POINTS

KINDS = ('stereo', 'mono', 'coarse_to_fine', 'sparse_depth', 'super_resolution')
LEFT, LEFT_INFO, RIGHT, RIGHT_INFO = STEREO_TOPICS
PICTURE, CAMERA = MONO_TOPICS
# role of images -> the role of their calibration
CALIBRATION = {LEFT: LEFT_INFO, RIGHT: RIGHT_INFO, PICTURE: CAMERA, LOW_RES: LOW_RES_INFO,
               SPARSE_IMAGE: CAMERA}
DEPTHS = (LOW_RES, SPARSE_IMAGE)  # roles whose images are maps


class Listed(Protocol):
    """What a bag says about one of its topics."""

    @property
    def type_name(self) -> str: ...  # 'sensor_msgs/msg/Image'

    @property
    def count(self) -> int: ...  # messages


class Role(NamedTuple):
    """A topic that a node subscribes to."""

    topic: str  # relative: 'left/image_rect'
    types: tuple[str, ...]
    optional: bool


def roles(kind: str) -> tuple[Role, ...]:
    """The topics of a kind of node, the one that sets are built around first.

    Of sparse_depth/image and sparse_points the sparse_depth node needs one. Raises ValueError.
    """
    pictures, info = (IMAGE, COMPRESSED), (INFO,)
    sparse = (Role(SPARSE_IMAGE, (IMAGE,), True), Role(SPARSE_POINTS, (POINTS,), True))
    if kind == 'stereo':
        return (Role(LEFT, pictures, False), Role(LEFT_INFO, info, False),
                Role(RIGHT, pictures, False), Role(RIGHT_INFO, info, False))
    if kind in ('mono', 'coarse_to_fine'):
        return Role(PICTURE, pictures, False), Role(CAMERA, info, False), *sparse
    if kind == 'sparse_depth':
        return *sparse, Role(CAMERA, info, False), Role(PICTURE, pictures, True)
    if kind == 'super_resolution':
        return (Role(LOW_RES, (IMAGE,), False), Role(LOW_RES_INFO, info, False),
                Role(PICTURE, pictures, True), Role(CAMERA, info, True))
    raise ValueError(f'the kind of node is {kind!r}, expected one of {", ".join(KINDS)}')

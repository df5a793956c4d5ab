"""The nodes as a replay starts them, and a set of messages as each of them takes it."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from rclpy.context import Context

from depth_nodes import conversions, low_res, sparse_depth
from depth_nodes.budgeted import Messages
from depth_nodes.frame_node import FrameNode
from depth_nodes.outputs import RELATIVE

MAKERS = {'stereo': 'StereoNode', 'mono': 'make_node', 'coarse_to_fine': 'make_node',
          'sparse_depth': 'SparseDepthNode', 'super_resolution': 'SuperResolutionNode'}
BESIDE = {'mono', 'coarse_to_fine'}  # what comes on sparse_... is no part of their sets
NAMESPACE = '/replay'
Set = Mapping[str, Any]  # topic, as the node names it -> message; optional ones may be missing


def name_of(kind: str) -> str:
    """Of the node: 'stereo_node'."""
    return f'{kind}_node'


def module_of(kind: str) -> str:
    """That runs it: 'depth_nodes.stereo_node'."""
    return f'depth_nodes.{name_of(kind)}'


def type_name_of(message: Any) -> str:
    """'sensor_msgs/msg/Image'."""
    return f'{type(message).__module__.split(".")[0]}/msg/{type(message).__name__}'


def ros_arguments(parameters: Mapping[str, Any]) -> list[str]:
    """['--ros-args', '-p', 'stage:=2', ...]."""
    words = ['--ros-args']
    for name, value in parameters.items():
        words += ['-p', f'{name}:={_yaml(value)}']
    return words


def make_node(kind: str, arguments: list[str], context: Context) -> FrameNode:
    """The node in this process, unconfigured; ValueError when a parameter cannot be.

    arguments: of `ros_arguments`.
    """
    make: Callable[..., FrameNode] = getattr(import_module(module_of(kind)), MAKERS[kind])
    return make(namespace=NAMESPACE, context=context, cli_args=arguments, use_global_arguments=False)


def as_taken(kind: str, messages: Set, arrival: float = 0.0) -> Messages:
    """The set as the node's `read` takes it. arrival: of its last message [monotonic s]."""
    return _SETS[kind](messages, arrival)


def beside(kind: str, messages: Set) -> list[Any]:
    """The messages that the node keeps until a frame takes them."""
    names = (sparse_depth.IMAGE, sparse_depth.POINTS) if kind in BESIDE else ()
    return [messages[name] for name in names if messages.get(name) is not None]


def _stereo(messages: Set, arrival: float) -> Messages:
    left, left_info, right, right_info = (messages[name] for name in conversions.STEREO_TOPICS)
    return conversions.StereoMessages(left, left_info, right, right_info, arrival)


def _mono(messages: Set, arrival: float) -> Messages:
    image, info = (messages[name] for name in conversions.MONO_TOPICS)
    return conversions.MonoMessages(image, info, arrival)


def _sparse(messages: Set, arrival: float) -> Messages:
    sparse = messages.get(sparse_depth.IMAGE)
    return sparse_depth.SparseMessages(
        messages[sparse_depth.POINTS] if sparse is None else sparse, messages[sparse_depth.INFO],
        messages.get(sparse_depth.GUIDE), arrival)


def _low_res(messages: Set, arrival: float) -> Messages:
    return low_res.LowResMessages(
        messages[low_res.LOW_RES], messages[low_res.LOW_RES_INFO], messages.get(low_res.GUIDE),
        messages.get(low_res.INFO), messages.get(RELATIVE), arrival)


_SETS: dict[str, Callable[[Set, float], Messages]] = {
    'stereo': _stereo, 'mono': _mono, 'coarse_to_fine': _mono, 'sparse_depth': _sparse,
    'super_resolution': _low_res}


def _yaml(value: Any) -> str:
    """A value as rcl reads it from the command line; words are quoted, or 'no' would be false."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, tuple | list):
        return '[' + ', '.join(map(_yaml, value)) + ']'
    return str(value)

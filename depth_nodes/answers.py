"""
What was found in one frame, as `DepthOutputs` publishes it; each map is made when it is first asked for.

Depth lies within the range and the confidence that the parameters ask for; else it is NaN.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sensor_msgs.msg import CameraInfo

from depth_models.frames import (
    Camera,
    Image,
    Map,
    MonoFrame,
    SparseFrame,
    StereoCamera,
    StereoEstimate,
    StereoFrame,
    SuperResolutionFrame,
)
from depth_models.geometry import depth_from_disparity, depth_within, disparity_from_depth
from depth_nodes.outputs import Disparity, OutputParams
from depth_nodes.parameters import Checked, param


@dataclass(frozen=True)
class StereoAnswer:
    """Of a stereo matcher: disparity was found, depth follows."""

    frame: StereoFrame
    estimate: StereoEstimate
    params: OutputParams
    info: CameraInfo | None = None

    @property
    def image(self) -> Image:
        return self.frame.left

    @property
    def camera(self) -> Camera:
        return self._pair.left

    @property
    def stage(self) -> int:
        return self.estimate.stage

    @property
    def confidence(self) -> Map:
        return self.estimate.confidence

    @cached_property
    def disparity(self) -> Disparity:
        return Disparity(_sure(self.estimate.disparity, self.confidence, self.params), self._pair,
                         self.estimate.min_disparity, self.estimate.max_disparity)

    @cached_property
    def depth(self) -> Map:
        return depth_from_disparity(self.disparity.values, self._pair, min_range=self.params.min_range,
                                    max_range=self.params.max_range)

    @property
    def _pair(self) -> StereoCamera:
        if self.frame.camera is None:
            raise ValueError('a frame without a camera has no depth')
        return self.frame.camera


@dataclass(frozen=True)
class VirtualPairParams(Checked):
    """The parameters of every node without a right camera."""

    virtual_baseline: float = param(
        0.1, 'Of the right camera that disparity is published for [m].', low=0.001, high=5.0, live=True)


@dataclass(frozen=True)
class DepthAnswer:
    """Of a network that gives depth: disparity is what a right camera would see, if there were one."""

    frame: MonoFrame | SparseFrame | SuperResolutionFrame
    found: Map  # [m], NaN where unknown
    confidence: Map  # NaN where the network does not tell
    stage: int
    virtual_baseline: float  # m
    params: OutputParams
    info: CameraInfo | None = None  # of the camera, where more is known of it

    @cached_property
    def image(self) -> Image:
        if self.frame.image is None:  # points are white
            return np.full(self.found.shape, 255, np.uint8)
        return self.frame.image

    @property
    def camera(self) -> Camera:
        if self.frame.camera is None:
            raise ValueError('a frame without a camera has no points')
        return self.frame.camera

    @cached_property
    def depth(self) -> Map:
        near = depth_within(self.found, min_range=self.params.min_range, max_range=self.params.max_range)
        return _sure(near, self.confidence, self.params)

    @cached_property
    def disparity(self) -> Disparity:
        pair = StereoCamera(self.camera, self.virtual_baseline, cx_right=self.camera.cx)
        scale = self.camera.fx * self.virtual_baseline  # px m
        # no pair of images shows disparities above their width; what is nearer has none
        high = min(scale / self.params.min_range if self.params.min_range else float('inf'),
                   float(self.camera.width))
        low = min(scale / self.params.max_range, high)
        return Disparity(disparity_from_depth(self.depth, pair), pair, low, high, virtual=True)


def _sure(values: Map, confidence: Map, params: OutputParams) -> Map:
    """NaN where it is not sure enough; what has no confidence is not less sure than anything."""
    if params.confidence_threshold <= 0:
        return values
    return np.where(confidence < params.confidence_threshold, np.float32(np.nan), values)

"""Estimated depth and the ground truth for it: messages to maps of one size."""

from dataclasses import dataclass

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from depth_models.frames import Map
from depth_models.geometry import depth_within
from depth_models.images import nearest
from depth_nodes import camera_checks, conversions

DEPTH, TRUTH, CONFIDENCE = 'depth/image_rect', 'ground_truth/depth', 'confidence'


@dataclass(frozen=True)
class JudgedMessages:
    """Of one time."""

    depth: Image
    truth: Image
    confidence: Image | None  # of the depth, if it comes
    arrival: float  # of the last one [monotonic s]

    @property
    def header(self) -> Header:
        """Of what is said of the depth."""
        return self.depth.header


@dataclass(frozen=True)
class JudgedFrame:
    """Maps [H,W] of the size of the estimate."""

    depth: Map  # m, NaN where unknown
    truth: Map  # m, NaN where unknown or not to be judged
    confidence: Map | None


def read_judged(messages: JudgedMessages, *, max_range: float) -> JudgedFrame:
    """max_range: the farthest ground truth that is judged [m].

    Ground truth of another resolution is taken at the nearest pixel. Raises UnreadableImage, or
    ValueError when the maps do not fit each other.
    """
    depth = conversions.read_depth(messages.depth, DEPTH)
    truth = conversions.read_depth(messages.truth, TRUTH)
    size = messages.depth.width, messages.depth.height
    camera_checks.check_same_proportions(TRUTH, (messages.truth.width, messages.truth.height), DEPTH, size)
    confidence = None
    if messages.confidence is not None:
        confidence = conversions.read_map(messages.confidence, CONFIDENCE)
        camera_checks.check_same_size(
            CONFIDENCE, (messages.confidence.width, messages.confidence.height), DEPTH, size)
    return JudgedFrame(depth, nearest(depth_within(truth, max_range=max_range), depth.shape), confidence)

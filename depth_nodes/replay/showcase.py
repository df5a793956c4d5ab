"""The best and the worst frames of a run as pictures, and one point cloud. No ROS."""

import base64
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from depth_models.evaluation import pictures
from depth_models.frames import Image, Map
from depth_models.geometry import points_from_depth
from depth_models.images import in_colour, to_rgb
from depth_nodes.replay.report import packed_cloud

if TYPE_CHECKING:
    from depth_nodes.replay.ground_truth import Truth
    from depth_nodes.replay.judge import View

SHOWN = 4  # of the best, and as many of the worst
APART = 500_000_000  # ns: what is nearer to one that is shown looks like it
PANEL_WIDTH, QUALITY = 420, 82  # px; of JPEG, 0..100
WORST_SHOWN = 0.3  # of the true depth: where the colours of errors end


class _Frame(NamedTuple):
    figure: float
    stamp_ns: int
    view: 'View'
    truth: 'Truth | None'

    def as_dict(self) -> dict[str, Any]:
        jpeg = _jpeg(picture(self.view, self.truth))
        return {'stamp_ns': self.stamp_ns, 'jpeg': base64.b64encode(jpeg).decode(), 'figure': self.figure}


class Showcase:
    """Takes every frame, keeps those that are among the best or the worst so far, draws them at the end."""

    def __init__(self) -> None:
        self._best: list[_Frame] = []
        self._worst: list[_Frame] = []  # both begin with what is most so
        self._name = ''

    def offer(self, stamp_ns: int, name: str, figure: float, view: 'View', truth: 'Truth | None') -> None:
        """figure: the smaller the better; of `name`, which is that of the first frame offered."""
        self._name = self._name or name
        if name != self._name:  # the first frame of a run has no flicker, one without truth no error
            return
        frame = _Frame(figure, stamp_ns, view, truth)
        self._best = _with(self._best, frame, 1)
        self._worst = _with(self._worst, frame, -1)

    def pictures(self) -> dict[str, Any]:
        """{'by': name of the figure, 'best', 'worst'}, best and worst first; no frame is shown twice."""
        best = {frame.stamp_ns for frame in self._best}
        return {'by': self._name, 'best': [frame.as_dict() for frame in self._best],
                'worst': [frame.as_dict() for frame in self._worst if frame.stamp_ns not in best]}

    def cloud(self) -> dict[str, Any] | None:
        """Of the best frame."""
        return cloud(self._best[0].view) if self._best else None


def _with(kept: list[_Frame], frame: _Frame, sign: int) -> list[_Frame]:
    """The first SHOWN of them by figure times sign, of neighbours in time only the first."""
    near = [each for each in kept if abs(each.stamp_ns - frame.stamp_ns) < APART]
    if any(sign * each.figure <= sign * frame.figure for each in near):
        return kept
    others = [each for each in kept if abs(each.stamp_ns - frame.stamp_ns) >= APART]
    return sorted([*others, frame], key=lambda each: sign * each.figure)[:SHOWN]


def picture(view: 'View', truth: 'Truth | None') -> Image:
    """Image, answer, and the error where the truth is known, side by side; RGB."""
    panels = [pictures.photo(view.image, 'image')]
    if truth is not None and truth.disparity is not None and view.disparity is not None:
        high = max(float(np.nanpercentile(truth.disparity, 99.5)), 1.0)
        panels += [pictures.disparity_panel(view.disparity, high=high),
                   pictures.error_panel(estimate=view.disparity, target=pictures.thickened(truth.disparity))]
    else:
        panels.append(pictures.depth_panel(view.depth))
        if truth is not None and truth.depth is not None:
            panels.append(_depth_error(view.depth, pictures.thickened(truth.depth)))
    return np.hstack([_fitted(panel.picture) for panel in panels])


def cloud(view: 'View') -> dict[str, Any] | None:
    """The points of a frame, as `report.packed_cloud` packs them."""
    points = points_from_depth(view.depth, view.camera)
    return packed_cloud(points.reshape(-1, 3), to_rgb(view.image).reshape(-1, 3))


def _depth_error(estimate: Map, target: Map) -> pictures.Panel:
    with np.errstate(invalid='ignore', divide='ignore'):
        relative = np.abs(estimate - target) / target
    return pictures.Panel('error', cv2.cvtColor(in_colour(relative, 0.0, WORST_SHOWN), cv2.COLOR_BGR2RGB))


def _fitted(image: Image) -> Image:
    height = max(1, round(image.shape[0] * PANEL_WIDTH / image.shape[1]))
    return cv2.resize(image, (PANEL_WIDTH, height), interpolation=cv2.INTER_AREA)


def _jpeg(image: Image) -> bytes:
    done, data = cv2.imencode('.jpg', cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
                              [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise ValueError(f'a picture of {image.shape[1]}x{image.shape[0]} could not be packed as JPEG')
    return data.tobytes()

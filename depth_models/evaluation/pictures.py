"""
Pictures for people: maps in colour with a scale, errors, the cloud from above, a labelled sheet.

Every picture is uint8 [H,W,3] RGB; black is unknown. A `Panel` is a picture with its title and
colour bar; `sheet` puts panels side by side.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_models.frames import Image, Map
from depth_models.images import depth_in_colour, in_colour, to_rgb

# upper bounds of the error over KITTI's limit of 3 px and 5 %, with the colours of its devkit
_ERROR_STEPS = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, np.inf)
_ERROR_COLOURS = np.array([
    (49, 54, 149), (69, 117, 180), (116, 173, 209), (171, 217, 233), (224, 243, 248),
    (254, 224, 144), (253, 174, 97), (244, 109, 67), (215, 48, 39), (165, 0, 38)], np.uint8)

PAPER, INK, FAINT = (24, 26, 30), (236, 236, 236), (150, 154, 160)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Bar:
    """A colour bar: colours [N,3] from the bottom up, and texts at heights 0 (bottom) to 1."""

    colours: Image
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Panel:
    """A titled picture, with the bar that explains its colours if there are any."""

    title: str
    picture: Image
    bar: Bar | None = None


def photo(image: Image, title: str = 'left image') -> Panel:
    """An image as it is: uint8 [H,W] or [H,W,3] RGB."""
    return Panel(title, to_rgb(image))


def disparity_panel(disparity: Map, *, low: float = 0.0, high: float | None = None,
                    title: str = 'disparity') -> Panel:
    """Disparity [px]: near red, far blue. high: of the scale; else the 99.5th percentile."""
    if high is None:
        high = max(_percentile(disparity, 99.5), low + 1.0)
    ticks = tuple((i / 4, f'{low + (high - low) * i / 4:.0f} px') for i in range(5))
    return Panel(title, _rgb(in_colour(disparity, low, high)), Bar(_turbo(), ticks))


def depth_panel(depth: Map, *, near: float | None = None, far: float | None = None,
                title: str = 'depth') -> Panel:
    """Depth [m]: near red, far blue, in even steps of inverse depth, with a scale in metres."""
    near = near if near is not None else max(_percentile(depth, 0.5), 1e-3)
    far = far if far is not None else max(_percentile(depth, 99.5), 1.001 * near)
    inverses = np.linspace(1 / far, 1 / near, 5)
    ticks = tuple((i / 4, f'{1 / inverse:.3g} m') for i, inverse in enumerate(inverses))
    return Panel(title, _rgb(depth_in_colour(depth, near, far)), Bar(_turbo(), ticks))


def confidence_panel(confidence: Map, title: str = 'confidence') -> Panel:
    """Confidence in [0, 1]: dark is unsure, bright is sure."""
    picture = _rgb(in_colour(confidence, 0.0, 1.0, cv2.COLORMAP_VIRIDIS))
    bar = Bar(_colormap(cv2.COLORMAP_VIRIDIS), ((0, '0'), (0.5, '0.5'), (1, '1')))
    return Panel(title, picture, bar)


def error_panel(*, estimate: Map, target: Map, title: str = 'error') -> Panel:
    """
    Disparity errors as KITTI draws them: blue is right, red is wrong, in powers of two.

    The error counts in units of 3 px or of 5 % of the target, whichever is the more lenient, so
    that blue ends where D1 begins.
    """
    with np.errstate(invalid='ignore', divide='ignore'):
        error = np.abs(estimate - target)
        relative = np.minimum(error / 3.0, error / (0.05 * np.abs(target)))
    known = np.isfinite(relative)
    step = np.searchsorted(_ERROR_STEPS, np.where(known, relative, 0.0))
    picture = np.where(known[..., None], _ERROR_COLOURS[step], np.uint8(0))
    ticks = ((0.1, '0.2 px'), (0.3, '0.75 px'), (0.5, '3 px'), (0.7, '12 px'), (0.9, '48 px'))
    return Panel(title, picture, Bar(_ERROR_COLOURS, ticks))


def thickened(values: Map) -> Map:
    """A map of lone points (under half of it known, as by a LiDAR) with each grown to 3x3 px."""
    if np.isfinite(values).mean() > 0.5:
        return values
    grown, (height, width) = values, values.shape
    around = np.pad(values, 1, constant_values=np.nan)
    for row, column in ((1, 0), (1, 2), (0, 1), (2, 1), (0, 0), (0, 2), (2, 0), (2, 2)):
        grown = np.where(np.isfinite(grown), grown, around[row:row + height, column:column + width])
    return grown


def cloud_panel(points: NDArray[np.floating], image: Image, *, size: tuple[int, int] | None = None,
                raised: float = 20.0, turned: float = -10.0, title: str = 'point cloud') -> Panel:
    """
    The points as seen by a camera that was lifted by `raised` and swung by `turned` degrees.

    points: organized, [H,W,3 or more], x right, y down, z forward [m], NaN where unknown; image:
    uint8 [H,W,3] RGB or [H,W] of the same size. The view turns about the middle of the cloud and is
    scaled so that nearly all of it fits; nearer points hide farther ones. size: (height, width).
    """
    height, width = size if size is not None else (image.shape[0], image.shape[1])
    picture = np.full((height, width, 3), PAPER, np.uint8)
    xyz: NDArray[np.float64] = points[..., :3].reshape(-1, 3).astype(np.float64)
    known = np.isfinite(xyz).all(1) & (xyz[:, 2] > 0)
    if not known.any():
        return Panel(title, picture)
    colours = to_rgb(image).reshape(-1, 3)[known]
    xyz = xyz[known]
    pixel_width = _pixel_width(points)  # m at 1 m, before xyz moves
    source_depth = xyz[:, 2].copy()

    pivot = np.array([*np.median(xyz[:, :2], axis=0), np.median(xyz[:, 2])])
    seen = (xyz - pivot) @ _turn(raised, turned).T + (0, 0, 1.1 * pivot[2])
    in_front = seen[:, 2] > 0.05 * pivot[2]
    seen, colours, source_depth = seen[in_front], colours[in_front], source_depth[in_front]
    flat = seen[:, :2] / seen[:, 2:]
    low, high = np.percentile(flat, (1, 99), axis=0)
    focal = 0.92 * float(np.min((width, height) / np.maximum(high - low, 1e-9)))
    at = (flat - (low + high) / 2) * focal + ((width - 1) / 2, (height - 1) / 2)

    nearest_last = np.argsort(-seen[:, 2], kind='stable')
    # some overlap, because a slope spreads its points
    side = np.clip(np.ceil(1.5 * pixel_width * source_depth * focal / seen[:, 2] + 0.3), 1, 5)
    at, colours, side = at[nearest_last], colours[nearest_last], side[nearest_last].astype(int)
    # a point covers side x side pixels; all of them in the points' order, so that near ones win
    step_y, step_x = np.divmod(np.arange(25), 5)
    covers = (step_x < side[:, None]) & (step_y < side[:, None])
    first = np.rint(at - (side[:, None] - 1) / 2).astype(int)
    x, y = first[:, :1] + step_x, first[:, 1:] + step_y
    covers &= (x >= 0) & (x < width) & (y >= 0) & (y < height)
    picture[y[covers], x[covers]] = np.broadcast_to(colours[:, None], (*covers.shape, 3))[covers]
    return Panel(title, picture)


def sheet(title: str, panels: list[Panel], *, columns: int = 3, panel_width: int = 560,
          note: str = '') -> Image:
    """Panels in rows under a title, each with its own title and colour bar; RGB."""
    if not panels:
        raise ValueError('a sheet needs at least one panel')
    columns = min(columns, len(panels))
    # room for bars in the columns that have one
    with_bars = {index % columns for index, panel in enumerate(panels) if panel.bar is not None}
    cells = [_cell(panel, panel_width, 92 if index % columns in with_bars else 0)
             for index, panel in enumerate(panels)]
    rows = []
    for start in range(0, len(cells), columns):
        row = cells[start:start + columns]
        row += [_blank(1, cell.shape[1]) for cell in cells[len(row):columns]]
        tallest = max(cell.shape[0] for cell in row)
        rows.append(np.hstack([_below(cell, tallest) for cell in row]))
    width = rows[0].shape[1]
    head = _blank(84 if note else 58, width)
    _write(head, title, (18, 40), 1.0, INK, 2, width - 36)
    if note:
        _write(head, note, (18, 70), 0.55, FAINT, 1, width - 36)
    return np.vstack([head, *rows])


def save(path: Path | str, picture: Image) -> None:
    """Write an RGB picture; the kind of file follows the name. OSError when that fails."""
    if not cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)):
        raise OSError(f'{path}: could not be written')


def _turn(raised: float, turned: float) -> NDArray[np.float64]:
    """Camera axes after a swing about the vertical and a lift, looking back at the pivot."""
    up, aside = np.radians(raised), np.radians(turned)
    lift = np.array([[1, 0, 0], [0, np.cos(up), -np.sin(up)], [0, np.sin(up), np.cos(up)]])
    swing = np.array([[np.cos(aside), 0, np.sin(aside)], [0, 1, 0],
                      [-np.sin(aside), 0, np.cos(aside)]])
    return lift @ swing


def _pixel_width(points: NDArray[np.floating]) -> float:
    """Angle between neighbouring columns [m a m], from the organized points themselves."""
    with np.errstate(invalid='ignore'):
        step = np.diff(points[..., 0] / points[..., 2], axis=1)
    step = step[np.isfinite(step)]
    return float(np.median(step)) if step.size else 0.0


def _cell(panel: Panel, width: int, beside: int) -> Image:
    """Title, picture and bar of a panel, with a margin around them; beside: room for the bar [px]."""
    height = max(round(panel.picture.shape[0] * width / panel.picture.shape[1]), 1)
    shrinks = width < panel.picture.shape[1]
    picture = cv2.resize(panel.picture, (width, height),
                         interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST)
    cell = _blank(height + 46, width + 36 + beside)
    _write(cell, panel.title, (18, 24), 0.62, INK, 1, width)
    cell[34:34 + height, 18:18 + width] = picture
    if panel.bar is not None:
        left = 18 + width + 10
        heights = np.arange(height)[::-1] * len(panel.bar.colours) // height
        cell[34:34 + height, left:left + 14] = panel.bar.colours[heights][:, None]
        for position, text in panel.bar.ticks:
            y = 34 + round((1 - position) * (height - 1))
            cell[y, left + 14:left + 19] = INK
            baseline = min(max(y + 5, 34 + 11), 34 + height - 1)
            _write(cell, text, (left + 22, baseline), 0.42, INK, 1, 62)
    return cell


def _write(canvas: Image, text: str, at: tuple[int, int], scale: float,
           colour: tuple[int, int, int], thickness: int, room: int) -> None:
    """One line of text, made smaller where it would not fit into `room` px."""
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    scale *= min(1.0, room / max(width, 1))
    cv2.putText(canvas, text, at, _FONT, scale, colour, thickness, cv2.LINE_AA)


def _blank(height: int, width: int) -> Image:
    return np.full((height, width, 3), PAPER, np.uint8)


def _below(cell: Image, height: int) -> Image:
    """The cell with room below it, up to a height."""
    return np.vstack([cell, _blank(height - cell.shape[0], cell.shape[1])])


def _rgb(bgr: Any) -> Image:
    return np.ascontiguousarray(bgr[..., ::-1])


def _colormap(colormap: int) -> Image:
    return _rgb(cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], colormap))[:, 0]


def _turbo() -> Image:
    return _colormap(cv2.COLORMAP_TURBO)


def _percentile(values: NDArray[Any], percent: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if known.size else 0.0

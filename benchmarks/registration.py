"""
How depth of 7-Scenes lies on its images: `python -m benchmarks.registration --data FOLDER --json FILE`.

The data set comes without a calibration of its colour camera. Five numbers of one are found by laying depth
edges on edges of the images, from each half of the frames, and judged on the other half, beside the nominal
ones of a Kinect and those that the reader has. The figure is the mean gradient of an image at its depth
edges, in parts of the mean over the whole image: 1 is chance. 60 frames take 20 s; needs scipy.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from benchmarks.timing import machine
from depth_models.data.depth_datasets import seven_scenes
from depth_models.data.depth_datasets.seven_scenes import ColourCamera, SevenScenes
from depth_models.geometry import points_from_depth

NOMINAL = ColourCamera(focal=525.0, centre=(320.0, 240.0), beside=0.025, roll=0.0)
STEPS = (4.0, 2.0, 2.0, 0.004, 0.004)  # of focal, centre, beside and roll: the first ones that are tried
EDGE = 1.15  # ratio of the depths within 2 px: the near side of an edge is what both cameras see
STRONGEST = 95  # percentile of an image's gradients: one line of print is not to count more than a table
BORDER = 8  # px


class Edges(NamedTuple):
    """Of a frame: the image's gradient in parts of its mean, and the points of its depth edges."""

    gradient: NDArray[np.float32]  # [H,W]
    points: NDArray[np.float32]  # [N,3] m, of the depth camera


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('--data', type=Path, required=True, help='a sequence of 7-Scenes, or several')
    parser.add_argument('--json', type=Path, help='file for the figures')
    options = parser.parse_args(arguments)
    try:
        dataset = SevenScenes(options.data)
        frames = [edges_of(*dataset.unregistered(index)) for index in range(len(dataset))]
    except (OSError, ValueError) as error:
        parser.exit(1, f'{error}\n')
    frames = [frame for frame in frames if len(frame.points)]
    if len(frames) < 2:
        parser.exit(1, f'{options.data}: two frames with depth edges are needed, there are {len(frames)}\n')
    halves = {'first': frames[:len(frames) // 2], 'second': frames[len(frames) // 2:]}
    cameras = {'nominal': NOMINAL, 'reader': seven_scenes.COLOUR, 'from all': fitted(frames),
               **{f'from the {name} half': fitted(half) for name, half in halves.items()}}
    made = {}
    for name, camera in cameras.items():
        on = {f'on the {half}': met(of_half, camera) for half, of_half in halves.items()}
        made[name] = {**camera._asdict(), **on}
        print(f'{name:20} focal {camera.focal:.1f} px, centre {camera.centre[0]:.1f} {camera.centre[1]:.1f}, '
              f'beside {1e3 * camera.beside:.1f} mm, roll {1e3 * camera.roll:.1f} mrad: '
              + ', '.join(f'{value:.3f} {half}' for half, value in on.items()))
    if options.json:
        about = {'machine': machine(), 'data': str(options.data), 'frames': len(frames)}
        options.json.write_text(json.dumps({**about, 'cameras': made}, indent=1) + '\n')


def edges_of(image: NDArray[np.uint8], depth: NDArray[np.float32]) -> Edges:
    """image: [H,W,3] of the colour camera; depth: [H,W] m of the depth camera, NaN where unknown."""
    smooth = cv2.GaussianBlur(image, (0, 0), 1.0).astype(np.float32)
    gradient = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)).max(-1)
    gradient = np.minimum(gradient, np.percentile(gradient, STRONGEST))
    known = np.isfinite(depth)
    farthest = np.asarray(cv2.dilate(np.where(known, depth, np.float32(0)), np.ones((5, 5), np.uint8)))
    near_side = np.zeros(depth.shape, np.bool_)
    inside = (slice(BORDER, -BORDER),) * 2
    near_side[inside] = (farthest > EDGE * np.where(known, depth, np.inf))[inside]
    points = points_from_depth(depth, seven_scenes.DEPTH_CAMERA)[near_side]
    return Edges(gradient / max(float(gradient.mean()), 1e-6), points)


def met(frames: Sequence[Edges], camera: ColourCamera) -> float:
    """Mean gradient at the depth edges where that camera sees them, over the frames."""
    return float(np.mean([_met(frame, camera) for frame in frames]))


def _met(frame: Edges, camera: ColourCamera) -> float:
    seen = frame.points @ camera.transform[:3, :3].T + camera.transform[:3, 3]
    column, row = (camera.focal * seen[:, :2] / seen[:, 2:] + camera.centre).T.astype(np.float32)
    height, width = frame.gradient.shape
    inside = (column > 0) & (column < width - 1) & (row > 0) & (row < height - 1)
    if not inside.any():
        return 0.0
    return float(cv2.remap(frame.gradient, column[None, inside], row[None, inside], cv2.INTER_LINEAR).mean())


def fitted(frames: Sequence[Edges]) -> ColourCamera:
    """The camera under which depth edges meet the strongest gradients, from the nominal one on."""
    steps = np.array(STEPS)

    def made(values: NDArray[np.float64]) -> ColourCamera:
        focal, x, y, beside, roll = (float(value) for value in values * steps)
        return ColourCamera(focal, (x, y), beside, roll)

    start = np.array([NOMINAL.focal, *NOMINAL.centre, NOMINAL.beside, NOMINAL.roll]) / steps
    simplex = np.vstack([start, start + np.eye(len(start))])
    found = minimize(lambda values: -met(frames, made(values)), start, method='Nelder-Mead', options={
        'initial_simplex': simplex, 'xatol': 0.02, 'fatol': 1e-4, 'maxiter': 400})
    return made(found.x)


if __name__ == '__main__':
    main()

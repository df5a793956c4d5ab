"""
Accuracy on a folder of pairs: `python -m depth_models.evaluation.stereo --pairs DIR`.

DIR/<name>/ holds im0.png (left), im1.png (right) and disp0.pfm (left disparity in px, inf unknown).
The pretrained matcher is judged at every stage, OpenCV's matchers beside it with holes filled. All
known pixels count, occluded ones too; shares are in percent.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from depth_models.data.formats import read_pfm
from depth_models.engines import ENGINES, PRECISIONS
from depth_models.evaluation import classical, metrics
from depth_models.frames import Image, Map

FIGURES = ('epe', 'bad1', 'bad2', 'd1', 'density', 'ause', 'ece')
HEADINGS = ('EPE px', 'bad-1 %', 'bad-2 %', 'D1 %', 'density', 'AUSE px', 'ECE')
PERCENT = ('bad1', 'bad2', 'd1')


@dataclass(frozen=True)
class Pair:
    """A rectified pair with ground truth."""

    name: str
    left: Image
    right: Image
    disparity: Map  # [H,W] px, NaN where unknown

    @property
    def max_disparity(self) -> int:
        """The range to search [px]: over the largest true disparity, a multiple of 16, or 32."""
        return max((int(np.nanmax(self.disparity)) // 16 + 1) * 16, 32)


@dataclass(frozen=True)
class Figures:
    """How well one matcher did on one pair, or on average. px, shares 0..1; NaN: does not apply."""

    epe: float
    bad1: float
    bad2: float
    d1: float
    density: float  # before any hole was filled
    ause: float  # px
    ece: float  # of the confidence as a probability of not being a D1 outlier
    seconds: float  # one run on this machine, for orientation only


Answer = tuple[Map, Map | None]  # disparity, confidence
Matcher = Callable[[Pair], Answer]


def read_pairs(folder: Path) -> Iterator[Pair]:
    """All pairs of a folder, by name. ValueError where there is none or one has two sizes."""
    folders = sorted(path.parent for path in folder.glob('*/disp0.pfm'))
    if not folders:
        raise ValueError(f'{folder}: no pair here; expected <name>/im0.png, im1.png and disp0.pfm')
    for path in folders:
        left, right = (_read_rgb(path / name) for name in ('im0.png', 'im1.png'))
        disparity = read_pfm(path / 'disp0.pfm')
        if not left.shape[:2] == right.shape[:2] == disparity.shape:
            raise ValueError(f'{path}: sizes differ: im0 {left.shape[:2]}, im1 {right.shape[:2]}, '
                             f'disp0 {disparity.shape}')
        yield Pair(path.name, left, right, disparity)


def judge(pair: Pair, matcher: Matcher) -> Figures:
    """The figures of one matcher on one pair; its holes are filled before errors are taken."""
    started = time.perf_counter()
    disparity, confidence = matcher(pair)
    seconds = time.perf_counter() - started
    valid = np.isfinite(pair.disparity)
    density = metrics.density(estimate=disparity, target=pair.disparity, valid=valid)
    case = {'estimate': classical.fill_holes(disparity), 'target': pair.disparity, 'valid': valid}
    ause = ece = float('nan')
    if confidence is not None:
        error = np.abs(disparity - pair.disparity)
        correct = ~((error > 3) & (error > 0.05 * np.abs(pair.disparity)))
        known = valid & np.isfinite(error)
        ause = metrics.ause(error=error, confidence=confidence, valid=known)
        ece = metrics.calibration_error(correct=correct, confidence=confidence, valid=known)
    return Figures(metrics.epe(**case), metrics.bad(**case, threshold=1.0),
                   metrics.bad(**case, threshold=2.0), metrics.d1(**case), density, ause, ece,
                   seconds)


def mean(figures: list[Figures]) -> Figures:
    """Over the pairs, every pair counting the same."""
    rows = [asdict(one) for one in figures]
    return Figures(**{name: float(np.mean([row[name] for row in rows])) for name in rows[0]})


def matchers(weights: str, stages: list[int], **options: str) -> dict[str, Matcher]:
    """By name: the pretrained matcher, once for every stage, and OpenCV's. No stage: OpenCV's.

    options: of the StereoMatcher, for instance its engine.
    """
    found: dict[str, Matcher] = {}
    if stages:
        from depth_models.estimators.stereo import StereoMatcher  # loads torch

        matcher: dict[int, StereoMatcher] = {}  # by range: it is fixed when a matcher is made

        def stage_matcher(stage: int) -> Matcher:
            def match(pair: Pair) -> Answer:
                searched = max(pair.max_disparity, 192)
                if searched not in matcher:
                    matcher[searched] = StereoMatcher.from_pretrained(
                        weights, max_disparity=searched, **options)
                estimate = matcher[searched].compute(pair.left, pair.right, stage=stage)
                return estimate.disparity, estimate.confidence
            return match

        for stage in stages:
            found[f'stage {stage}'] = stage_matcher(stage)

    def classical_matcher(name: str) -> Matcher:
        match = classical.MATCHERS[name]
        return lambda pair: (match(pair.left, pair.right, pair.max_disparity), None)

    return found | {name: classical_matcher(name) for name in classical.MATCHERS}


def table(rows: list[tuple[str, str, Figures]]) -> str:
    """(pair, matcher, figures) as lines of text, '-' where a figure does not apply."""
    name_width = max(len(pair) for pair, _, _ in rows)
    matcher_width = max(len(matcher) for _, matcher, _ in rows)
    lines = [f'{"pair":{name_width}}  {"matcher":{matcher_width}}  '
             + '  '.join(f'{heading:>7}' for heading in HEADINGS)]
    for pair, matcher, figures in rows:
        values = (getattr(figures, name) * (100 if name in PERCENT else 1) for name in FIGURES)
        lines.append(f'{pair:{name_width}}  {matcher:{matcher_width}}  ' + '  '.join(
            f'{"-":>7}' if np.isnan(value) else f'{value:7.2f}' for value in values))
    return '\n'.join(lines)


def _read_rgb(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f'{path}: missing or not an image')
    return np.ascontiguousarray(image[..., ::-1], np.uint8)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().split('\n')[0])
    parser.add_argument('--pairs', type=Path, required=True, help='folder of the pairs')
    parser.add_argument('--stages', type=int, nargs='*', default=[1, 2, 3, 4], choices=[1, 2, 3, 4],
                        help='stages to judge; none: only the classical matchers')
    parser.add_argument('--weights', default='anynet', help='a shipped name or a .safetensors file')
    parser.add_argument('--engine', default='auto', choices=ENGINES)
    parser.add_argument('--precision', default='auto', choices=PRECISIONS)
    parser.add_argument('--json', type=Path, help='also write all figures here (shares 0..1)')
    options = parser.parse_args(arguments)
    try:
        pairs = list(read_pairs(options.pairs))
        judged = matchers(options.weights, options.stages, engine=options.engine,
                          precision=options.precision)
    except (ValueError, OSError) as error:
        parser.exit(1, f'{error}\n')

    rows = []
    for pair in pairs:
        rows += [(pair.name, name, judge(pair, matcher)) for name, matcher in judged.items()]
    means = [('mean', name, mean([figures for _, by, figures in rows if by == name]))
             for name in judged]
    print(table(rows + means))
    if options.json:
        options.json.write_text(json.dumps([
            {'pair': pair, 'matcher': name, **{key: None if np.isnan(value) else value
                                               for key, value in asdict(figures).items()}}
            for pair, name, figures in rows + means], indent=1) + '\n')


if __name__ == '__main__':
    main()

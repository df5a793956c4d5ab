"""The methods of depth super-resolution that are judged, each ready to answer."""

import argparse
from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from depth_models.evaluation import report, upsampling
from depth_models.evaluation.super_resolution_data import METRES
from depth_models.evaluation.super_resolution_figures import Given
from depth_models.frames import Map

if TYPE_CHECKING:  # they load torch
    from depth_models.estimators.relative_depth import RelativeDepth
    from depth_models.estimators.super_resolution import DepthUpscaler

DEPTH_ONLY, GUIDED = 'depth_only', 'guided'
FACTORS = (2, 4, 8)
SHIPPED = {**{f'x{factor}': f'depth_gan_x{factor}' for factor in FACTORS}, GUIDED: 'guided_super_resolution'}
METHODS = (DEPTH_ONLY, GUIDED, *upsampling.METHODS)
RELATIVE = 'mono_unet'  # where relative depth comes from, shipped weights
PIXELS_A_METRE = 16  # disparity is given to networks as so many times fewer metres


class Methods:
    """The methods that were asked for."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Raises OSError, ValueError or ImportError in one sentence."""
        self.names = [method for method in METHODS if method in options.methods]
        weights = {'x2': options.weights_x2, 'x4': options.weights_x4, 'x8': options.weights_x8,
                   GUIDED: options.weights_guided}
        self._weights = {name: file for name, file in weights.items() if (
            GUIDED in self.names if name == GUIDED
            else DEPTH_ONLY in self.names and int(name[1:]) in options.factors)}
        engine = {'engine': options.engine, 'precision': options.precision}
        self._upscalers = {name: upscaler_of(name, file, **engine) for name, file in self._weights.items()}
        if GUIDED in self.names:
            from depth_models.estimators.relative_depth import RelativeDepth

            self._relative = RelativeDepth.from_pretrained(options.relative, **engine)

    def answer(self, method: str, frame: Given, unit: str, *, noisy: bool) -> tuple[Map, float]:
        """A map [H,W] in the unit of the given one, and the time that it took [ms]."""
        if method in upsampling.METHODS:
            started = perf_counter()
            found = upsampling.enlarged(method, frame.low_res, frame.image, noisy=noisy)
            return found, (perf_counter() - started) * 1e3
        height, width = frame.target.shape
        upscaler = self._upscalers[
            GUIDED if method == GUIDED else f'x{height // frame.low_res.shape[0]}']
        upscaler.make_ready((height, width, *frame.low_res.shape))  # takes its time once
        if method == GUIDED:
            self._relative.make_ready((height, width))
        started = perf_counter()
        relative = relative_of(self._relative, frame, unit) if method == GUIDED else None
        found = by_network(upscaler, frame, unit, relative)
        return found, (perf_counter() - started) * 1e3

    def about(self) -> dict[str, Any]:
        """What made the answers."""
        made: dict[str, Any] = {'weights': {
            f'{DEPTH_ONLY} {name}' if name != GUIDED else name:
                report.about_weights(self._weights[name], upscaler.describe())
            for name, upscaler in self._upscalers.items()}}
        if GUIDED in self.names:
            made['relative'] = self._relative.source
        parameters: Mapping[str, Mapping[bool, Any]] = {
            'joint_bilateral': upsampling.JOINT_BILATERAL, 'guided_filter': upsampling.GUIDED}
        made['parameters'] = {method: {name: chosen[noisy]._asdict()
                                       for name, noisy in (('clean', False), ('noisy', True))}
                              for method, chosen in parameters.items() if method in self.names}
        return made


def upscaler_of(name: str, file: str, **engine: str) -> 'DepthUpscaler':
    """name: one of SHIPPED; file: shipped weights or a .safetensors file. ValueError for those of another."""
    from depth_models.estimators.super_resolution import DepthUpscaler

    upscaler = DepthUpscaler.from_pretrained(file, **engine)
    if upscaler.guided != (name == GUIDED) or not (upscaler.guided or f'x{upscaler.factor}' == name):
        raise ValueError(f'{name} needs weights of a network '
                         f'{"guided by images" if name == GUIDED else f"of depth alone for {name}"}, '
                         f'{file} has those of another one')
    return upscaler


def relative_of(network: 'RelativeDepth', frame: Given, unit: str) -> Map:
    """[H,W] of the image, as `by_network` wants it."""
    relative = network.compute(frame.image)
    return relative if unit == METRES else np.reciprocal(relative)


def by_network(upscaler: 'DepthUpscaler', frame: Given, unit: str, relative: Map | None = None) -> Map:
    """
    [H,W] in the unit of the given map.

    relative: [H,W], of a guided network, which has learned it as the inverse of what it enlarges (depth or
    disparity), but for a scale and a shift.
    """
    # networks take no depth as farther than 300 m, and a disparity may have more px than that
    part = np.float32(1 if unit == METRES else PIXELS_A_METRE)
    height, width = frame.target.shape
    estimate = upscaler.compute(frame.low_res / part, frame.image, relative, size=(height, width),
                                fill_holes=True)
    return estimate.depth * part

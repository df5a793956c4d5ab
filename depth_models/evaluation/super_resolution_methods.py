"""The methods of depth super-resolution that are judged, each ready to answer."""

import argparse
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np

from depth_models.evaluation import report, upsampling
from depth_models.evaluation.super_resolution_data import METRES
from depth_models.evaluation.super_resolution_figures import Given
from depth_models.frames import Map

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
        self._upscalers: dict[str, Any] = {}
        engine = {'engine': options.engine, 'precision': options.precision}
        if self._weights:
            from depth_models.estimators.super_resolution import DepthUpscaler  # loads torch
        for name, file in self._weights.items():
            upscaler = DepthUpscaler.from_pretrained(file, **engine)
            if upscaler.guided != (name == GUIDED) or not (upscaler.guided or f'x{upscaler.factor}' == name):
                raise ValueError(f'{name} needs weights of a network '
                                 f'{"guided by images" if name == GUIDED else f"of depth alone for {name}"}, '
                                 f'{file} has those of another one')
            self._upscalers[name] = upscaler
        if GUIDED in self.names:
            from depth_models.estimators.relative_depth import RelativeDepth

            self._relative = RelativeDepth.from_pretrained(options.relative, **engine)

    def answer(self, method: str, frame: Given, unit: str, *, noisy: bool) -> tuple[Map, float]:
        """A map [H,W] in the unit of the given one, and the time that it took [ms]."""
        if method in upsampling.METHODS:
            started = perf_counter()
            found = upsampling.enlarged(method, frame.low_res, frame.image, noisy=noisy)
            return found, (perf_counter() - started) * 1e3
        size = frame.target.shape
        # networks take no depth as farther than 300 m, and a disparity may have more px than that
        part = 1 if unit == METRES else PIXELS_A_METRE
        low_res = frame.low_res / np.float32(part)
        if method == DEPTH_ONLY:
            upscaler = self._upscalers[f'x{size[0] // frame.low_res.shape[0]}']
            upscaler.make_ready((*size, *frame.low_res.shape))  # takes its time once
            started = perf_counter()
            estimate = upscaler.compute(low_res, size=size, fill_holes=True)
            return estimate.depth * np.float32(part), (perf_counter() - started) * 1e3
        upscaler = self._upscalers[GUIDED]
        upscaler.make_ready((*size, *frame.low_res.shape))
        self._relative.make_ready(size)
        started = perf_counter()
        relative = self._relative.compute(frame.image)
        if unit != METRES:  # the network has learned relative depth as the inverse of what it enlarges
            relative = np.reciprocal(relative)
        estimate = upscaler.compute(low_res, frame.image, relative, fill_holes=True)
        return estimate.depth * np.float32(part), (perf_counter() - started) * 1e3

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

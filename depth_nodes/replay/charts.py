"""
The plots of one or more runs as data: what `pages/time_plots.js` and `pages/curves.js` draw.

Every value of every frame is in it; only what is drawn is thinned out, by the page itself.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from depth_nodes.replay.page import label

Result = Mapping[str, Any]  # of a run, as the replay makes it: see `report.write_report`
LOGARITHMIC = 20  # from this ratio of the farthest to the nearest distance on
UNITS = {'m': 'distance', 'px': 'disparity'}


def ordered(result: Result) -> list[int]:
    """The frames of a run in the order of time."""
    return [int(index) for index in np.argsort(np.asarray(result['series']['t'], float), kind='stable')]


def time_plots(results: Sequence[Result], names: Sequence[str]) -> dict[str, Any]:
    """
    Runs, and panels that share one axis of time.

    A panel has choices, of which it shows one at a time; a choice has the values of every run, None for a
    run without this figure.
    """
    orders = [ordered(result) for result in results]
    runs = []
    for result, order, name in zip(results, orders, names):
        series = result['series']
        runs.append({'name': name, 't': [series['t'][index] for index in order],
                     # as text: these do not fit into a number of JavaScript
                     'stamp_ns': [str(series['stamp_ns'][index]) for index in order]})

    def choice(name: str, text: str, values: Sequence[Sequence[float | None] | None]) -> dict[str, Any]:
        about = label(name, text)
        return {'name': about.name, 'unit': about.unit, 'meaning': about.meaning, 'values': [
            None if of_run is None else [of_run[index] for index in order]
            for of_run, order in zip(values, orders)]}

    panels = []
    for title, part in (('Error', 'figures'), ('Self-check', 'self_checks')):
        found: dict[str, str] = {}
        for result in results:
            found |= {name: result['units'].get(name, '') for name in result['series'][part]}
        choices = [choice(name, text, [result['series'][part].get(name) for result in results])
                   for name, text in found.items()]
        panels.append({'title': title, 'kind': 'line', 'choices': [one for one in choices if _any(one)]})
    for title, kind, name, text in (
            ('Latency', 'line', 'latency_ms', 'ms: of a frame that was answered'),
            ('Stage', 'step', 'stage', 'the last stage that was run'),
            ('Dropped', 'marks', 'dropped', 'frames without an answer')):
        one = choice(name, text, [result['series'][name] for result in results])
        panels.append({'title': title, 'kind': kind, 'choices': [one] if _any(one) else []})
    return {'runs': runs, 'panels': [panel for panel in panels if panel['choices']]}


def distance(results: Sequence[Result], names: Sequence[str]) -> dict[str, Any] | None:
    """Error against distance, as stairs of `x` to `to`; None where no run has any."""
    rows = [result.get('distance') or [] for result in results]
    if not any(rows):
        return None
    unit = next(result['unit'] for result, of_run in zip(results, rows) if of_run)
    ends = [end for of_run in rows for bin_ in of_run for end in (bin_['near'], bin_['far'])]
    nearest = min((end for end in ends if end > 0), default=0)

    def choice(name: str, key: str, unit: str) -> dict[str, Any]:
        return {'name': name, 'unit': unit, 'lines': [
            {'run': run, 'name': names[run], 'x': [bin_['near'] for bin_ in of_run],
             'to': [bin_['far'] for bin_ in of_run], 'y': [bin_[key] for bin_ in of_run]}
            for run, of_run in enumerate(rows)]}

    return {'x': {'name': UNITS.get(unit, 'value'), 'unit': unit,
                  'log': bool(min(ends) > 0 and max(ends) > LOGARITHMIC * nearest)},
            'choices': [choice('mean absolute error', 'mean_abs', unit),
                        choice('relative error', 'abs_rel', ''),
                        choice('share of the pixels', 'share', '')]}


def sparsification(results: Sequence[Result], names: Sequence[str]) -> dict[str, Any] | None:
    """The error that is left after the least confident pixels are removed; None where no run has it."""
    lines = []
    for run, result in enumerate(results):
        curve = result.get('sparsification')
        if curve:
            kept = f'{names[run]}: ' if len(results) > 1 else ''
            lines += [{'run': run, 'name': f'{kept}by confidence', 'x': curve['share'], 'y': curve['error']},
                      {'run': run, 'name': f'{kept}oracle', 'x': curve['share'], 'y': curve['oracle'],
                       'oracle': True}]
    if not lines:
        return None
    unit = results[lines[0]['run']]['unit']
    return {'x': {'name': 'share of pixels removed', 'unit': '', 'log': False},
            'choices': [{'name': 'error of the rest', 'unit': unit, 'lines': lines}]}


def _any(choice: Mapping[str, Any]) -> bool:
    """Whether a run knows any value of it."""
    return any(value is not None and math.isfinite(value)
               for of_run in choice['values'] if of_run is not None for value in of_run)

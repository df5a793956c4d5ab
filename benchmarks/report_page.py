"""
Size and opening of a report: `python -m benchmarks.report_page out/street/report.html`.

A headless Chromium opens the file again and again, each time as a new browser with an empty cache; told are
the milliseconds from the start of the navigation until the page is loaded and every plot and the point cloud
are drawn, and until the next frame is on the screen. Starting the browser is not in it.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks import chromium
from benchmarks.timing import machine

SHOWN = """new Promise(done => requestAnimationFrame(() => setTimeout(() => done({
    loaded: performance.getEntriesByType('navigation')[0].loadEventEnd,
    ready: performance.getEntriesByName('ready')[0].startTime, shown: performance.now()}))))"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('report', type=Path, help='report.html, or the page of a comparison')
    parser.add_argument('--turns', type=int, default=7)
    parser.add_argument('--json', type=Path, help='file for the figures')
    options = parser.parse_args(arguments)
    program = chromium.find()
    if program is None:
        parser.error(f'none of {", ".join(chromium.NAMES)} is installed, and $CHROMIUM is not set')
    turns = [opened(program, options.report) for _ in range(options.turns)]
    found = {'megabytes': options.report.stat().st_size / 1e6,
             **{f'{name}_ms': float(np.median([turn[name] for turn in turns])) for name in turns[0]},
             'worst_shown_ms': max(turn['shown'] for turn in turns)}
    print(machine())
    for name, value in found.items():
        print(f'  {name:16} {value:9.2f}')
    if options.json:
        options.json.write_text(json.dumps({'machine': machine(), **found}, indent=1) + '\n')


def opened(program: str, report: Path) -> dict[str, float]:
    """Milliseconds until the page was loaded, drawn, and on the screen."""
    with chromium.Chromium(program) as browser:
        browser.open(report)
        return browser.ask(SHOWN)


if __name__ == '__main__':
    main()

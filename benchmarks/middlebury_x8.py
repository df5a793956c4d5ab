"""
The depth-only GAN's Middlebury table: `python -m benchmarks.middlebury_x8 --data FOLDER --json FILE`.

Korinevskaya and Makarov, "Depth Map Reconstruction using Deep Convolutional Neural Networks", 2018: RMSE and
SSIM of cones, teddy, tsukuba and venus, and PSNR, for bicubic interpolation, the plain network and the one
with the loss of a GAN. They do not say how they measured. Bicubic interpolation needs no training, so its
row is a check: of all protocols of `benchmarks.middlebury_protocols` those are found under which it comes
closest to what is printed, by the mean of |ln(found / printed)| of RMSE, by |dB| of PSNR and by SSIM.

Of so many protocols some come close by chance: `by_chance` is how close the best one comes when the printed
figures of cones, teddy and tsukuba change places. A protocol explains the print if it is clearly closer.

Our networks then stand beside theirs, under those protocols and as we measure. `psnr` is the usual one, 20
log10(255 / RMSE); `psnr_printed` follows their formula, 20 log10(root of 255 / mean square); 255 is that of
8 bits in the unit of the map.
FOLDER: pairs with true disparity, the four maps by name.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from benchmarks.middlebury_protocols import (
    ERRORS,
    FACTOR,
    MAPS,
    OURS,
    UNITS,
    Figures,
    Protocol,
    bicubic,
    judge,
    low_res_of,
    searched,
    truth,
)
from depth_models.data.stereo_datasets import open_stereo_dataset
from depth_models.estimators.prepared import load
from depth_models.frames import Map
from depth_models.networks.super_resolution_networks import DEPTH_GAN, KINDS

BICUBIC, PLAIN, ADVERSARIAL = 'bicubic', 'plain', 'with GAN loss'
# in the order of MAPS
PRINTED: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    BICUBIC: {'rmse': (9.64, 5.33, 7.52, 2.65), 'ssim': (0.85, 0.94, 0.75, 0.98),
              'psnr': (19.52, 30.03, 23.92, 34.82)},
    PLAIN: {'rmse': (9.90, 11.13, 8.10, 10.0), 'ssim': (0.91, 0.87, 0.74, 0.91),
            'psnr': (23.37, 25.35, 22.62, 27.14)},
    ADVERSARIAL: {'rmse': (9.35, 6.48, 5.05, 5.58), 'ssim': (0.74, 0.75, 0.91, 0.82),
                  'psnr': (18.28, 18.50, 30.18, 28.87)},
}
SHOWN = 10  # protocols

Maps = Mapping[str, Map]  # disparity [px] by name
Upscaler = Callable[[Map, Protocol], Map]


class Found(NamedTuple):
    """How close to print bicubic interpolation comes under a protocol, with one of ERRORS for RMSE."""

    protocol: Protocol
    error: str
    figures: list[Figures]  # of MAPS

    def off(self, what: str, order: Sequence[int] = range(len(MAPS))) -> float:
        """'rmse': mean of |ln(found / printed)|; 'psnr', 'ssim': mean of |found - printed|.

        order: of the maps whose printed figures are taken for those of MAPS.
        """
        found, printed = np.array(self.values(what)), np.array(PRINTED[BICUBIC][what])[list(order)]
        return float(np.mean(np.abs(np.log(found / printed) if what == 'rmse' else found - printed)))

    def values(self, what: str) -> list[float]:
        return values_of(self.figures, what, self.error)

    def words(self) -> str:
        return ', '.join((*self.protocol, self.error))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split(':')[0].strip())
    parser.add_argument('--data', type=Path, required=True, help='folder of a data set')
    parser.add_argument('--plain', default='depth_gan_x8',
                        help="shipped name or file of weights; '' leaves it out (default: %(default)s)")
    parser.add_argument('--adversarial', default='depth_gan_x8_adversarial',
                        help='the same, trained with the loss of a GAN (default: %(default)s)')
    parser.add_argument('--json', type=Path, help='file for the figures')
    options = parser.parse_args(arguments)
    try:
        maps = read(options.data)
        rows: dict[str, Upscaler] = {BICUBIC: bicubic}
        rows |= {row: by_network(name) for row, name in ((PLAIN, options.plain),
                                                         (ADVERSARIAL, options.adversarial)) if name}
    except (OSError, ValueError) as error:
        parser.error(str(error))

    tried = search(maps)
    chosen = closest(tried)
    show_search(tried, chosen)
    tables = {title: {row: [judged(upscale, name, maps[name], found.protocol) for name in MAPS]
                      for row, upscale in rows.items()} for title, found in chosen.items()}
    for title, table in tables.items():
        show(f'{title}: {chosen[title].words()}', table, chosen[title].error)
    if options.json:
        options.json.write_text(json.dumps({
            'maps': MAPS, 'factor': FACTOR, 'printed': PRINTED,
            'by_chance': by_chance(tried), 'tried': [as_json(found) for found in tried],
            'tables': {title: {**as_json(chosen[title]), 'rows': {
                row: [figures._asdict() for figures in each] for row, each in table.items()}}
                for title, table in tables.items()}}, indent=2) + '\n')


def read(folder: Path) -> Maps:
    """The four maps; ValueError where one is missing."""
    pairs = open_stereo_dataset(folder)
    at = {name.lower(): index for index, name in enumerate(pairs.names)}
    if missing := [name for name in MAPS if name not in at]:
        raise ValueError(f'{folder}: no {", ".join(missing)} in it; it has {", ".join(pairs.names)}')
    return {name: pairs[at[name]].disparity for name in MAPS}


def by_network(name: str) -> Upscaler:
    """Weights by name or file, in float32; OSError or ValueError where they are none for this."""
    network, _ = load(name, {DEPTH_GAN: KINDS[DEPTH_GAN]})
    config: Any = network.config
    if config.factor != FACTOR:
        raise ValueError(f'{name} enlarges by {config.factor}, not by {FACTOR}')
    return lambda low_res, protocol: enlarged_by(network.eval(), low_res)


def enlarged_by(network: nn.Module, low_res: Map) -> Map:
    """Any unit: what is 0 is missing, also to a protocol that has it judged as 0."""
    with torch.no_grad():
        depth = network(torch.from_numpy(np.ascontiguousarray(low_res))[None, None])[1].depth
    found: Map = depth[0, 0].numpy()
    return found


def judged(upscale: Upscaler, name: str, disparity: Map, protocol: Protocol) -> Figures:
    true = truth(name, disparity, protocol)
    return judge(upscale(low_res_of(true.values, protocol), protocol), true, protocol)


def search(maps: Maps) -> list[Found]:
    """Bicubic interpolation under every protocol, the closest RMSE first."""
    tried = []
    for protocol in tqdm(list(searched()), desc='protocols', disable=None):
        figures = [judged(bicubic, name, maps[name], protocol) for name in MAPS]
        tried += [Found(protocol, error, figures) for error in figures[0].errors]
    return sorted(tried, key=lambda found: found.off('rmse'))


def closest(tried: list[Found]) -> dict[str, Found]:
    """The protocols under which networks are judged, by what they are the best in; and ours."""
    rooted = [found for found in tried if found.error == 'root']  # of which PSNR is made
    ours = next(found for found in rooted if found.protocol == OURS)
    return {'closest RMSE': tried[0], 'closest PSNR': min(rooted, key=lambda found: found.off('psnr')),
            'closest SSIM': min(rooted, key=lambda found: found.off('ssim')), 'ours': ours}


def by_chance(tried: list[Found]) -> dict[str, float]:
    """How close something comes to printed figures that belong to other maps; venus keeps its own."""
    wrong = [(*order, 3) for order in list(permutations(range(3)))[1:]]
    return {what: min(found.off(what, order) for order in wrong for found in tried
                      if what == 'rmse' or found.error == 'root') for what in PRINTED[BICUBIC]}


def show_search(tried: list[Found], chosen: Mapping[str, Found]) -> None:
    bicubic_printed = PRINTED[BICUBIC]
    print(f'Bicubic interpolation at x{FACTOR}, {len(tried)} ways; RMSE of {", ".join(MAPS)}')
    print(f'       {"printed":70}{words(bicubic_printed["rmse"])}')
    best = [*(next(found for found in tried if found.error == error) for error in ERRORS),
            *(next(found for found in tried if found.protocol.unit == unit) for unit in UNITS)]
    shown = {found.words(): found for found in [*tried[:SHOWN], *best]}  # each of them once
    for found in sorted(shown.values(), key=lambda found: found.off('rmse')):
        print(f'{found.off("rmse"):6.3f} {found.words():70}{words(found.values("rmse"))}')
    print(f'{"       RMSE that the printed PSNR stands for":77}'
          f'{words([255 / 10 ** (value / 20) for value in bicubic_printed["psnr"]])}')
    print('What remains, found less printed (RMSE: found / printed):')
    chance = by_chance(tried)
    for title, found in chosen.items():
        print(f'  {title}: {found.words()}; off by ' + ', '.join(
            f'{found.off(what):.3f} in {what} (by chance {chance[what]:.3f})' for what in bicubic_printed))
        for what, printed in bicubic_printed.items():
            pairs = list(zip(found.values(what), printed))
            print(f'    {what:6}' + words([one / two if what == 'rmse' else one - two for one, two in pairs]))


def show(title: str, table: Mapping[str, list[Figures]], error: str) -> None:
    print(f'\n{title}\n{"":16}{"":14}' + ''.join(f'{name:>9}' for name in MAPS))
    for row, figures in table.items():
        for what in ('rmse', 'ssim', 'psnr', 'psnr_printed'):
            print(f'{row:16}{what:14}{words(values_of(figures, what, error))}')
            if what in PRINTED[row]:
                print(f'{"":16}{"  printed":14}{words(PRINTED[row][what])}')


def values_of(figures: Sequence[Figures], what: str, error: str) -> list[float]:
    """what: 'rmse', which is `error` then, or a field of Figures."""
    return [each.errors[error] if what == 'rmse' else getattr(each, what) for each in figures]


def as_json(found: Found) -> dict[str, Any]:
    return {**found.protocol._asdict(), 'error': found.error, 'off': found.off('rmse'),
            **{what: found.values(what) for what in PRINTED[BICUBIC]}}


def words(values: Sequence[float]) -> str:
    return ''.join(f'{value:9.2f}' for value in values)


if __name__ == '__main__':
    main()

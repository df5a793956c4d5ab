"""Benchmarks of super-resolution run the whole way on made-up data, and their figures are what they say."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip('scipy', reason='the optional extra baselines')
from benchmarks import middlebury_protocols as protocols
from benchmarks import middlebury_x8, srgan_generator, super_resolution_speed
from benchmarks.middlebury_protocols import (
    ENLARGE,
    ERRORS,
    FACTOR,
    HOLES,
    MAPS,
    OURS,
    SHRINK,
    STEPS,
    Protocol,
)
from depth_models import pretrained
from depth_models.data.formats import write_pfm
from depth_models.networks.depth_gan import DepthGAN, DepthGANConfig
from depth_models.networks.guided_super_resolution import GuidedConfig

STORED = Protocol('zero', 'stored', 'area', 'cubic a=-0.75')


def disparity(steps, height=66, width=81, seed=0):
    """[H,W] px in whole steps, with a hole."""
    values = np.full((height, width), 40, np.float32)
    values[10:40, 20:60] = 80 + 40 * seed
    values[50:55, 5:9] = np.nan
    return values / np.float32(steps)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The four maps in a plain folder of pairs."""
    root = tmp_path_factory.mktemp('maps')
    for seed, name in enumerate(MAPS):
        values = disparity(STEPS[name], seed=seed)
        (root / name).mkdir()
        write_pfm(root / name / 'disp0.pfm', values)
        for view in ('im0.png', 'im1.png'):
            cv2.imwrite(str(root / name / view), np.full(values.shape, 90, np.uint8))
    return root


# --- SRGAN


def test_the_generator_has_the_size_of_srgans():
    network = srgan_generator.SrganGenerator().eval()
    ends = (81 * 3 * 64 + 64 + 1) + (81 * 64 * 3 + 3)
    blocks = 16 * (2 * (9 * 64 * 64 + 2 * 64) + 1) + (9 * 64 * 64 + 2 * 64)
    ups = 2 * (9 * 64 * 256 + 256 + 1)
    assert sum(parameter.numel() for parameter in network.parameters()) == ends + blocks + ups
    with torch.no_grad():
        found = network(torch.rand(2, 3, 9, 12))
    assert found.shape == (2, 3, 36, 48) and found.abs().max() <= 1


def test_multiplications_are_counted():
    layer = torch.nn.Conv2d(2, 3, 5, padding=2)
    found = super_resolution_speed.size_of(layer, (torch.zeros(1, 2, 10, 20),))
    assert found == {'parameters': 2 * 3 * 25 + 3, 'gmac': pytest.approx(2 * 3 * 25 * 200 / 1e9)}


# --- speed


def test_times_rates_and_ratios_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(super_resolution_speed, 'SIZE', (64, 96))
    monkeypatch.setattr(super_resolution_speed, 'SMALL', GuidedConfig(
        4, (8, 8, 8, 8, 8), (1, 1, 1, 1), 1, (1, 1, 1, 1)))
    super_resolution_speed.main(['--turns', '2', '--threads', '1', '--json', str(tmp_path / 'x.json')])
    made = json.loads((tmp_path / 'x.json').read_text())
    ms = made['ms']
    assert ms.keys() == {'bicubic'} | {f'{name}_{engine}' for engine in ('auto', 'torch') for name in (
        'depth_only', 'guided', 'guided_mono_unet', 'srgan')}
    assert all(value > 0 for value in ms.values()) and made['size'] == '96x64' and made['factor'] == 4
    assert made['ratios']['ratio_srgan_over_depth_only'] == pytest.approx(
        ms['srgan_auto'] / ms['depth_only_auto'])
    assert made['frames_a_second']['guided_auto'] == pytest.approx(1e3 / ms['guided_auto'])
    assert made['networks']['srgan']['gmac'] > 10 * made['networks']['depth_only']['gmac'] > 0
    assert 'frames a second' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        super_resolution_speed.main(['--turns', '1'])


# --- protocols


def test_both_cubic_kernels_are_what_their_names_say():
    """Enlarging an impulse gives the kernel: its weights beside the centre have the sign and size of a."""
    impulse = np.zeros((9, 9), np.float32)
    impulse[4, 4] = 1
    for a in (-0.75, -0.5):
        row = ENLARGE[f'cubic a={a:g}'](impulse, (9 * 8, 9 * 8)).sum(0) / 8
        t = (np.arange(32) + 0.5) / 8  # px from the centre
        inner = ((a + 2) * t - (a + 3)) * t ** 2 + 1
        outer = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        expected = np.where(t < 1, inner, np.where(t < 2, outer, 0))
        np.testing.assert_allclose(row[36:68], expected, atol=1e-5)
        np.testing.assert_allclose(row[35:3:-1], expected, atol=1e-5)


@pytest.mark.parametrize('shrink', SHRINK)
def test_a_smooth_map_survives_shrinking_and_enlarging(shrink):
    ramp = np.add.outer(np.arange(80), 2 * np.arange(96)).astype(np.float32)
    protocol = Protocol('zero', 'px', shrink, 'cubic a=-0.5')  # a = -0.75 bends even a slope
    low = protocols.low_res_of(ramp, protocol)
    assert low.shape == (10, 12)
    away = (protocols.bicubic(low, protocol) - ramp)[36:-36, 36:-36]
    # every 8th pixel, and the one after the middle, are not where the middle of a cell is
    shift = {'first': -3.5, 'middle': 0.5}.get(shrink, 0.0) * 3
    np.testing.assert_allclose(away, shift, atol=0.05)


def test_holes_are_what_the_names_say():
    values = disparity(8)
    known = np.isfinite(values[:64, :80])
    for holes in HOLES:
        true = protocols.truth('venus', values, Protocol(holes, 'stored', 'area', 'spline'))
        hole = true.values[50:55, 5:9]
        assert true.values.shape == (64, 80) and true.peak == 255
        assert np.array_equal(true.values[known], np.rint(values[:64, :80][known] * 8))
        assert np.array_equal(true.judged, known if holes in ('unknown', 'zero_unjudged', 'filled_unjudged')
                              else np.ones_like(known))
        expected = {'zero': 0, 'fill': 40}.get(holes[:4], np.nan)
        np.testing.assert_array_equal(hole, np.full_like(hole, expected))


@pytest.mark.parametrize('name, unit, steps', [
    ('tsukuba', 'stored', 16), ('tsukuba', 'tsukuba_8', 8), ('venus', 'tsukuba_8', 8), ('cones', 'px', 1)])
def test_units_are_what_the_names_say(name, unit, steps):
    values = np.full((16, 16), 5.25, np.float32)
    true = protocols.truth(name, values, STORED._replace(unit=unit))
    np.testing.assert_allclose(true.values, steps * 5.25)
    assert true.peak == (255 / STEPS[name] if unit == 'px' else 255)


def test_a_map_may_be_stretched():
    values = disparity(8)
    found = protocols.truth('venus', values, STORED._replace(unit='stretched', holes='filled')).values
    assert found.min() == 0 and found.max() == 255


def test_errors_are_what_the_names_say():
    difference = np.array([3.0, -4.0, 20.0, 0.0])
    found = {name: error(difference) for name, error in ERRORS.items()}
    assert found == {
        'root': pytest.approx((425 / 4) ** 0.5), 'no_root': pytest.approx(425 / 4), 'absolute': 27 / 4,
        'capped': pytest.approx((280 / 4) ** 0.5), 'wrapped': pytest.approx(((25 + 400 - 256) / 4) ** 0.5)}
    overflown = np.array([3, -4, 20, 0], np.int8).astype(np.uint8) ** 2  # what NumPy does
    assert found['wrapped'] == pytest.approx(float(np.sqrt(overflown.mean())))


def test_an_exact_answer_has_no_error():
    true = protocols.truth('cones', disparity(4), STORED)
    found = protocols.judge(true.values, true, STORED)
    assert found.ssim == pytest.approx(1, abs=1e-4) and found.psnr == np.inf
    assert set(found.errors.values()) == {0.0}
    off = protocols.judge(true.values + 2, true, STORED)
    assert off.errors['root'] == pytest.approx(2) and off.errors['no_root'] == pytest.approx(4)
    assert off.psnr == pytest.approx(20 * np.log10(255 / 2))
    assert off.psnr_printed == pytest.approx(20 * np.log10(255 ** 0.5 / 4))


# --- the table


def test_print_is_found_where_it_was_made(folder, monkeypatch):
    """Figures printed under a protocol of the search lead back to it, and closer than chance."""
    monkeypatch.setattr(protocols, 'SHRINK', {name: SHRINK[name] for name in ('first', 'area', 'cells')})
    maps = middlebury_x8.read(folder)
    secret = Protocol('filled', 'stored', 'first', 'cubic a=-0.5')
    made = [middlebury_x8.judged(protocols.bicubic, name, maps[name], secret) for name in MAPS]
    monkeypatch.setitem(middlebury_x8.PRINTED, 'bicubic', {
        'rmse': tuple(each.errors['root'] for each in made), 'ssim': tuple(each.ssim for each in made),
        'psnr': tuple(each.psnr for each in made)})
    tried = middlebury_x8.search(maps)
    assert tried[0].off('rmse') == pytest.approx(0, abs=1e-9) and tried[0].error == 'root'
    chosen = middlebury_x8.closest(tried)
    assert chosen['closest SSIM'].protocol == secret and chosen['ours'].protocol == OURS
    assert middlebury_x8.by_chance(tried)['rmse'] > 0.01


def test_the_table_is_written(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(protocols, 'SHRINK', {name: SHRINK[name] for name in ('area', 'cells')})
    weights = []
    for number in range(2):
        torch.manual_seed(number)
        network = DepthGAN(DepthGANConfig(FACTOR, channels=4, blocks=1))
        torch.nn.init.normal_(network.sub_pixel.weight, 0, 0.1 * number)  # the first one is bicubic
        weights.append(str(tmp_path / f'{number}.safetensors'))
        pretrained.write(Path(weights[-1]), network, 'depth_gan', network.config, {})
    middlebury_x8.main(['--data', str(folder), '--plain', weights[0], '--adversarial', weights[1],
                        '--json', str(tmp_path / 'x.json')])
    made = json.loads((tmp_path / 'x.json').read_text())
    assert made['printed']['bicubic']['rmse'] == [9.64, 5.33, 7.52, 2.65] and made['maps'] == list(MAPS)
    offs = [found['off'] for found in made['tried']]
    assert offs == sorted(offs) and len(offs) > 100 and made['by_chance'].keys() == {'rmse', 'ssim', 'psnr'}
    ours = made['tables']['ours']
    assert ours['shrink'] == 'cells' and ours['rows'].keys() == {'bicubic', 'plain', 'with GAN loss'}
    errors = {row: [each['errors']['root'] for each in figures] for row, figures in ours['rows'].items()}
    assert errors['plain'] == pytest.approx(errors['bicubic'], rel=0.02)
    assert not np.allclose(errors['with GAN loss'], errors['plain'], rtol=0.02)
    said = capsys.readouterr().out
    assert 'closest PSNR' in said and 'by chance' in said and 'printed' in said


@pytest.mark.parametrize('wrong, says', [
    (['--plain', 'no_such_weights'], 'no_such_weights'), (['--data', 'no_such_folder'], 'no_such_folder')])
def test_what_is_missing_is_said(folder, wrong, says, capsys):
    with pytest.raises(SystemExit):
        middlebury_x8.main(['--data', str(folder), '--adversarial', '', *wrong])
    assert says in capsys.readouterr().err


def test_maps_and_networks_that_do_not_fit_are_said(folder, tmp_path):
    path = str(tmp_path / 'x4.safetensors')
    network = DepthGAN(DepthGANConfig(4, channels=4, blocks=1))
    pretrained.write(Path(path), network, 'depth_gan', network.config, {})
    with pytest.raises(ValueError, match='enlarges by 4, not by 8'):
        middlebury_x8.by_network(path)
    (folder / 'venus').rename(folder / 'vesta')
    try:
        with pytest.raises(ValueError, match=r'no venus in it; it has cones, .*vesta'):
            middlebury_x8.read(folder)
    finally:
        (folder / 'vesta').rename(folder / 'venus')

"""Evaluation of dense depth from sparse depth: measured by patterns, judged, printed, kept and drawn."""

import argparse
import hashlib
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import sparse_networks
from depth_folders import write_views

from depth_models import cli
from depth_models.data.depth_datasets import KittiObject, LayoutError, open_depth_dataset
from depth_models.data.samples import DepthSample
from depth_models.estimators.sparse import SparseDepthEstimator
from depth_models.evaluation import completion, depth_metrics, sparse
from depth_models.evaluation.mono_figures import Rules
from depth_models.evaluation.sparse_figures import PATTERNS, UNITS, judge, measured

pytest.importorskip('scipy', reason='the optional extra baselines')

NAN = np.nan
CLASSICAL = ['nearest', 'linear', 'inpaint', 'morphological']
METRICS = ['rmse', 'mae', 'rel', 'irmse', 'imae', 'd1', 'ssim', 'ms']
RULES = Rules(median_scaling=False)
SIZE = (72, 96)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_views(tmp_path_factory.mktemp('views'), views=3, size=SIZE)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp('weights')
    return [sparse_networks.write(folder / f'{name}.safetensors', rgb=name == 'rgb') for name in ('d', 'rgb')]


def evaluated(tmp_path, *arguments):
    parser = argparse.ArgumentParser()
    sparse.add_arguments(parser)
    sparse.run(parser.parse_args([str(argument) for argument in ('--json', tmp_path / 'x.json', *arguments)]))
    return json.loads((tmp_path / 'x.json').read_text())


# --- figures


def test_metrics_are_those_of_sums_by_hand():
    case = {'estimate': np.array([2.0, 5.0, 9.0, NAN]), 'target': np.array([4.0, 5.0, 8.0, 1.0]),
            'valid': np.array([True, True, True, True])}
    assert depth_metrics.mae(**case) == pytest.approx((2 + 0 + 1) / 3)
    inverse = [1 / 2 - 1 / 4, 0.0, 1 / 9 - 1 / 8]
    assert depth_metrics.irmse(**case) == pytest.approx(1e3 * math.sqrt(sum(x * x for x in inverse) / 3))
    assert depth_metrics.imae(**case) == pytest.approx(1e3 * sum(map(abs, inverse)) / 3)


def test_a_frame_is_judged_where_depth_is_known_between_the_caps_or_was_not_measured():
    target = np.full((20, 20), 4.0, np.float32)
    target[0], target[1, 1] = NAN, 50.0
    dense = np.where(np.arange(20) < 10, np.float32(5.0), np.float32(4.0)) * np.ones((20, 1), np.float32)
    dense[0], dense[5, 15] = 99.0, 20.0  # clipped to the cap
    found = judge(dense, target, RULES, ms=3.5)
    assert list(found) == METRICS == list(UNITS)
    pixels = 19 * 20 - 1
    assert found['mae'] == pytest.approx((190 - 1 + 6) / pixels)
    assert found['rmse'] == pytest.approx(math.sqrt((189 + 36) / pixels))
    assert found['rel'] == pytest.approx((189 + 6) / 4 / pixels)
    assert (found['ms'], found['d1']) == (3.5, pytest.approx(1 - 190 / pixels))
    given = np.where(np.arange(20) < 10, target, np.float32(NAN))
    rest = judge(dense, target, RULES, ms=3.5, given=given)
    assert rest['rmse'] == pytest.approx(math.sqrt(36 / 190))
    dense[7, 3] = NAN
    with pytest.raises(ValueError, match='leaves 1 of 379 judged pixels open'):
        judge(dense, target, RULES, ms=0)


# --- what is measured


def sample(**others) -> DepthSample:
    depth = np.full(SIZE, 3.0, np.float32)
    depth[20:40, 30:50] = 1.0
    image = np.random.default_rng(1).integers(0, 255, (*SIZE, 3), np.uint8)
    return DepthSample(image, others.pop('depth', depth), **others)


@pytest.mark.parametrize('pattern', PATTERNS)
def test_what_is_measured_is_the_same_in_every_run_and_another_of_another_frame(pattern):
    one, again, other = (measured(pattern, sample(), name) for name in ('a', 'a', 'b'))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other, equal_nan=True)
    if pattern != 'uniform10_outliers':
        known = np.isfinite(one)
        assert (np.abs(one[known] - sample().depth[known]) < 1e-6).mean() > 0.9


def test_scan_lines_are_those_of_the_data_where_it_has_some():
    scan = np.full(SIZE, NAN, np.float32)
    scan[::9] = 3.0
    with_scan = sample(sparse=scan)
    np.testing.assert_array_equal(measured('scanlines', with_scan, 'a'), scan)
    assert not np.array_equal(measured('uniform10', with_scan, 'a'), scan, equal_nan=True)
    points = np.where(np.isfinite(scan), sample().depth, np.float32(NAN))  # all that is known
    held = measured('scanlines', sample(depth=points), 'a')
    known = np.isfinite(held)
    np.testing.assert_array_equal(held[known], points[known])
    assert 0.4 < known.sum() / np.isfinite(points).sum() < 0.6


# --- the command


def test_the_json_has_every_figure_of_every_pattern_method_and_frame(folder, weights, tmp_path, capsys):
    made = evaluated(tmp_path, '--data', folder, '--weights', weights[0], '--weights-rgb', weights[1],
                     '--engine', 'torch', '--precision', 'fp32', '--sheet', tmp_path / 'x.png')
    assert list(made) == ['mean', 'frames', 'units', 'about']
    assert list(made['mean']) == ['uniform10', 'uniform1', 'gradient', 'gradient_uniform', 'grid',
                                  'scanlines', 'uniform10_outliers']
    for methods in made['mean'].values():
        assert list(methods) == ['ours', 'ours_rgb', *CLASSICAL]
        for figures in methods.values():
            assert list(figures) == METRICS
            assert all(value is not None and math.isfinite(value) for value in figures.values())
    dataset = open_depth_dataset(folder)
    for place, name in enumerate(dataset.names):
        for pattern in ('uniform1', 'uniform10_outliers'):
            given = measured(pattern, dataset[place], name)
            expected = judge(completion.linear(given), dataset[place].depth, RULES, ms=0)
            found = made['frames'][name][pattern]
            assert {**found['linear'], 'ms': 0} == pytest.approx(expected, abs=1e-4)
            estimator = SparseDepthEstimator.from_pretrained(weights[1], engine='torch', precision='fp32')
            dense = estimator.compute(given, dataset[place].image, denoise='outliers' in pattern).depth
            expected = judge(dense, dataset[place].depth, RULES, ms=0)
            assert {**found['ours_rgb'], 'ms': 0} == pytest.approx(expected, abs=1e-4)
    both = [made['frames'][name]['grid']['nearest']['mae'] for name in dataset.names]
    assert made['mean']['grid']['nearest']['mae'] == pytest.approx(np.mean(both), abs=2e-6)
    about = made['about']
    assert about['command'].startswith(f'depth-nodes evaluate sparse --data {folder} --layout auto --patt')
    assert about['frames'] == 3 and about['rules']['denoise'] == ['uniform10_outliers']
    sha = hashlib.sha256(Path(weights[0]).read_bytes()).hexdigest()
    assert about['weights']['ours']['sha256'] == sha
    said = capsys.readouterr().out
    assert said.count('mean of 3') == 7
    picture = cv2.imread(str(tmp_path / 'x.png'))
    assert picture.shape[1] > 9 * 340 and picture.shape[0] > 7 * 250


def test_options_choose_patterns_methods_frames_and_pixels(folder, tmp_path):
    made = evaluated(tmp_path, '--data', folder, '--methods', 'morphological', 'nearest',
                     '--patterns', 'grid', 'uniform1', '--frames', '2')
    assert list(made['mean']) == ['uniform1', 'grid'] and list(made['mean']['grid']) == ['nearest',
                                                                                       'morphological']
    assert list(made['frames']) == ['0', '2'] and made['about']['weights'] == {}
    rest = evaluated(tmp_path, '--data', folder, '--methods', 'nearest', '--patterns', 'uniform1', '--frames',
                     '2', '--unseen')
    assert rest['mean']['uniform1']['nearest']['rmse'] > made['mean']['uniform1']['nearest']['rmse']
    assert ' --unseen' in rest['about']['command']


def test_a_frame_of_which_nothing_is_measured_is_null(tmp_path):
    data = tmp_path / 'data'
    for name in ('color', 'depth'):
        (data / name).mkdir(parents=True)
    depth = np.zeros(SIZE, np.uint16)
    depth[3, 3] = 2000
    cv2.imwrite(str(data / 'color/0.png'), np.zeros((*SIZE, 3), np.uint8))
    cv2.imwrite(str(data / 'depth/0.png'), depth)
    made = evaluated(tmp_path, '--data', data, '--methods', 'nearest', '--patterns', 'uniform1')
    assert set(made['mean']['uniform1']['nearest'].values()) == {None}


@pytest.mark.parametrize(('arguments', 'reason'), [
    (['--frames', '0'], '--frames must be 1 or more, got 0'),
    (['--max-depth', '0.5'], 'no pixel of 0 has a known depth between the caps'),
    (['--methods', 'ours', '--weights', 'nothing_like_it'], 'no weights at .*nothing_like_it'),
    (['--sheet', 'x.txt'], r'--sheet must end in \.png or \.jpg')])
def test_mistakes_are_one_sentence(folder, tmp_path, arguments, reason):
    with pytest.raises((ValueError, OSError), match=reason) as raised:
        evaluated(tmp_path, '--data', folder, '--methods', 'nearest', *arguments)
    assert '\n' not in str(raised.value)


def test_weights_of_the_other_kind_are_refused(folder, weights, tmp_path):
    with pytest.raises(ValueError, match='ours needs weights of a network that sees depth alone'):
        evaluated(tmp_path, '--data', folder, '--methods', 'ours', '--weights', weights[1])
    with pytest.raises(ValueError, match='ours_rgb needs weights of a network that sees images too'):
        evaluated(tmp_path, '--data', folder, '--methods', 'ours_rgb', '--weights-rgb', weights[0])


def test_it_is_a_command_whose_help_lists_every_metric(capsys):
    with pytest.raises(SystemExit):
        cli.main(['evaluate', 'sparse', '--help'])
    shown = capsys.readouterr().out
    assert all(f'\n  {name} ' in shown for name in METRICS)


# --- a LiDAR's points as the only truth


def write_kitti_object(folder, points):
    for name in ('image_2', 'velodyne', 'calib'):
        (folder / name).mkdir(parents=True)
    cv2.imwrite(str(folder / 'image_2/000000.png'), np.full((40, 60, 3), 90, np.uint8))
    (folder / 'velodyne/000000.bin').write_bytes(points.astype('<f4').tobytes())
    # LiDAR x forward, y left, z up; the camera of P2 has everything 0.5 m further to the right
    (folder / 'calib/000000.txt').write_text(
        'P2: 50 0 30 25 0 50 20 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\n'
        'Tr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\n')
    return folder


def test_points_of_kitti_are_seen_by_the_colour_camera(tmp_path):
    points = np.float32([[10, 0, 0, .5], [5, 1, -0.5, .1], [-3, 0, 0, .2], [20, 0.5, 0, .2]])
    dataset = open_depth_dataset(write_kitti_object(tmp_path / 'a', points))
    assert isinstance(dataset, KittiObject) and not dataset.indoors and dataset.names == ['000000']
    found = dataset[0]
    # column 30 + 50 (0.5 - y) / x, row 20 - 50 z / x
    assert {(row, column): float(found.depth[row, column])
            for row, column in np.argwhere(np.isfinite(found.depth)).tolist()} == {
        (20, 33): 10.0, (25, 25): 5.0, (20, 30): 20.0}
    assert (found.camera.fx, found.camera.cx, found.camera.width) == (50.0, 30.0, 60)


def test_broken_points_and_calibrations_of_kitti_are_named(tmp_path):
    folder = write_kitti_object(tmp_path / 'a', np.ones((3, 4)))
    (folder / 'velodyne/000000.bin').write_bytes(bytes(20))
    with pytest.raises(ValueError, match=r'000000\.bin: 20 bytes, not whole points of 16'):
        KittiObject(folder)[0]
    (folder / 'velodyne/000000.bin').write_bytes(bytes(32))
    calibration = folder / 'calib/000000.txt'
    calibration.write_text(calibration.read_text().replace('R0_rect: 1', 'R0_rect: x'))
    with pytest.raises(ValueError, match='R0_rect is not 9 numbers'):
        KittiObject(folder)[0]
    with pytest.raises(LayoutError, match='expected KITTI objects'):
        KittiObject(tmp_path)

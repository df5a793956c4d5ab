"""Evaluation of depth super-resolution: given, judged, printed, kept and drawn; of depth and of disparity."""

import argparse
import hashlib
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import super_resolution_networks
from depth_folders import write_pairs, write_views

from depth_models import cli
from depth_models.data.dataset import LayoutError
from depth_models.data.degradation import cell_means
from depth_models.data.depth_datasets import open_depth_dataset
from depth_models.data.samples import DepthSample
from depth_models.estimators.relative_depth import RelativeDepth
from depth_models.estimators.super_resolution import DepthUpscaler
from depth_models.evaluation import depth_metrics, super_resolution
from depth_models.evaluation.super_resolution_data import RgbDisparity, opened
from depth_models.evaluation.super_resolution_figures import UNITS, given, judge
from depth_models.evaluation.super_resolution_methods import Methods
from depth_models.evaluation.upsampling import enlarged

NAN = np.nan
CLASSICAL = ['nearest', 'bilinear', 'bicubic', 'joint_bilateral', 'guided_filter']
METRICS = ['rmse', 'mape', 'ssim', 'psnr', 'rmse_edges', 'rmse_ratio', 'edges_ratio', 'mse_printed',
           'psnr_printed', 'ms']
SIZE = (66, 97)  # of no whole number of cells


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_views(tmp_path_factory.mktemp('views'), views=3, size=SIZE)


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    to = tmp_path_factory.mktemp('weights')
    return {'x4': super_resolution_networks.write(to / 'x4.safetensors'),
            'x8': super_resolution_networks.write(to / 'x8.safetensors', 8),
            'guided': super_resolution_networks.write(to / 'guided.safetensors', guided=True)}


def evaluated(tmp_path, *arguments):
    parser = argparse.ArgumentParser()
    super_resolution.add_arguments(parser)
    super_resolution.run(parser.parse_args(
        [str(argument) for argument in ('--json', tmp_path / 'x.json', *arguments)]))
    return json.loads((tmp_path / 'x.json').read_text())


# --- figures


def test_metrics_are_those_of_sums_by_hand():
    case = {'estimate': np.array([2.0, 5.0, 9.0, NAN]), 'target': np.array([4.0, 5.0, 8.0, 1.0]),
            'valid': np.array([True, True, True, True])}
    square = (4 + 0 + 1) / 3
    assert depth_metrics.mape(**case) == pytest.approx(100 * (2 / 4 + 0 + 1 / 8) / 3)
    assert depth_metrics.mse_printed(**case) == pytest.approx(square)
    assert depth_metrics.psnr(**case, peak=8.0) == pytest.approx(10 * math.log10(64 / square))
    assert depth_metrics.psnr_printed(**case, peak=8.0) == pytest.approx(20 * math.log10(8 ** 0.5 / square))
    same = {**case, 'estimate': case['target']}
    assert depth_metrics.psnr(**same, peak=8.0) == depth_metrics.psnr_printed(**same, peak=8.0) == math.inf
    assert math.isnan(depth_metrics.psnr(**{**case, 'valid': np.zeros(4, bool)}, peak=8.0))


def test_a_frame_is_judged_wherever_its_truth_is_known_in_any_unit():
    target = np.full((20, 30), 2.0, np.float32)
    target[:, 15:] = 4.0
    target[0] = NAN
    found, bicubic = target + np.float32(0.1), target + np.float32(0.2)
    found[0] = NAN  # where nothing is known nothing is judged
    made = judge(found, target, bicubic=bicubic, ms=3.5)
    assert list(made) == METRICS == list(UNITS)
    assert made['rmse'] == pytest.approx(0.1, rel=1e-4) and made['mape'] == pytest.approx(3.75, rel=1e-4)
    assert (made['rmse_ratio'], made['edges_ratio']) == pytest.approx((0.5, 0.5), rel=1e-3)
    assert made['psnr'] == pytest.approx(20 * math.log10(4 / 0.1), rel=1e-4)
    found[1:, 13:17] += np.float32(0.3)
    other = judge(found, target, bicubic=bicubic, ms=3.5)
    assert other['rmse_edges'] > 1.8 * other['rmse'] > 2.5 * made['rmse']
    scaled = judge(50 * found, 50 * target, bicubic=50 * bicubic, ms=3.5)
    for name in ('mape', 'ssim', 'psnr', 'rmse_ratio', 'edges_ratio'):
        assert scaled[name] == pytest.approx(other[name], rel=1e-4)
    assert scaled['rmse'] == pytest.approx(50 * other['rmse'], rel=1e-4)
    found[7, 3] = NAN
    with pytest.raises(ValueError, match='leaves 1 of 570 judged pixels open'):
        judge(found, target, bicubic=bicubic, ms=0)


def test_what_is_given_is_the_same_in_every_run_and_another_of_another_frame():
    depth = np.full(SIZE, 3.0, np.float32)
    depth[20:40, 30:50] = 1.0
    sample = DepthSample(np.zeros((*SIZE, 3), np.uint8), depth)
    one, again, other = (given(sample, name, 4, 'sensor') for name in ('a', 'a', 'b'))
    np.testing.assert_array_equal(one.low_res, again.low_res)
    assert not np.array_equal(one.low_res, other.low_res, equal_nan=True)
    clean = given(sample, 'a', 8, 'clean')
    assert clean.low_res.shape == (8, 12) and clean.target.shape == clean.image.shape[:2] == (64, 96)
    np.testing.assert_array_equal(clean.low_res, cell_means(depth, 8))


# --- the command


def test_the_json_has_every_figure_of_every_case_method_and_frame(folder, weights, tmp_path, capsys):
    relative = 'mono_unet'
    engine = {'engine': 'torch', 'precision': 'fp32'}
    made = evaluated(tmp_path, '--data', folder, *(word for name, file in weights.items()
                                                   for word in (f'--weights-{name}', file)),
                     '--relative', relative, '--frames', '2', '--engine', 'torch', '--precision', 'fp32',
                     '--sheet', tmp_path / 'x.png')
    assert list(made) == ['mean', 'sets', 'frames', 'units', 'about']
    assert list(made['mean']) == ['x4', 'x8'] and list(made['mean']['x8']) == ['clean', 'noisy', 'sensor']
    for of_degradations in made['mean'].values():
        for methods in of_degradations.values():
            assert list(methods) == ['depth_only', 'guided', *CLASSICAL]
            for figures in methods.values():
                assert list(figures) == METRICS
                assert all(value is not None and math.isfinite(value) for value in figures.values())
            assert methods['bicubic']['rmse_ratio'] == methods['bicubic']['edges_ratio'] == 1
    dataset, root = open_depth_dataset(folder), Path(folder).name
    assert list(made['frames']) == [f'{root}/0', f'{root}/2']
    upscaler = DepthUpscaler.from_pretrained(weights['x8'], **engine)
    guided = DepthUpscaler.from_pretrained(weights['guided'], **engine)
    inverse = RelativeDepth.from_pretrained(relative, **engine)
    for place in (0, 2):
        name = f'{root}/{place}'
        frame = given(dataset[place], name, 8, 'noisy')
        answers = {
            'depth_only': upscaler.compute(frame.low_res, fill_holes=True).depth,
            'guided': guided.compute(frame.low_res, frame.image, inverse.compute(frame.image),
                                     fill_holes=True).depth,
            'guided_filter': enlarged('guided_filter', frame.low_res, frame.image, noisy=True)}
        bicubic = enlarged('bicubic', frame.low_res, frame.image)
        for method, answer in answers.items():
            expected = judge(answer, frame.target, bicubic=bicubic, ms=0)
            found = made['frames'][name]['x8']['noisy'][method]
            assert {**found, 'ms': 0} == pytest.approx(expected, abs=1e-4)
    both = [of_frame['x4']['clean']['nearest']['mape'] for of_frame in made['frames'].values()]
    assert made['mean']['x4']['clean']['nearest']['mape'] == pytest.approx(np.mean(both), abs=2e-6)
    assert made['sets'] == {root: made['mean']}
    about = made['about']
    assert about['command'].startswith(f'depth-nodes evaluate super_resolution --data {folder} --layout auto')
    assert about['sets'] == {root: {'unit': 'm', 'frames': 2}}
    assert about['degradations']['sensor']['holes'] > about['degradations']['noisy']['holes'] == 0
    sha = hashlib.sha256(Path(weights['x8']).read_bytes()).hexdigest()
    assert about['weights']['depth_only x8']['sha256'] == sha and about['relative'] == 'mono_unet'
    assert about['parameters']['guided_filter']['clean']['epsilon'] > 0
    assert capsys.readouterr().out.count('mean of 2') == 6
    picture = cv2.imread(str(tmp_path / 'x.png'))
    assert picture.shape[1] > 10 * 340 and picture.shape[0] > 4 * 240


def test_depth_and_disparity_are_judged_beside_each_other_and_points_left_out(folder, tmp_path, capsys):
    pairs = write_pairs(tmp_path / 'pairs')
    points = write_pairs(tmp_path / 'points', views=1, known=0.2)
    made = evaluated(tmp_path, '--data', folder, '--data', pairs, '--data', points, '--factors', '2',
                     '--degradations', 'clean', '--methods', 'nearest', 'bicubic')
    assert list(made['sets']) == [Path(folder).name, 'pairs'] and made['about']['left_out'] == ['points/0']
    assert [one['unit'] for one in made['about']['sets'].values()] == ['m', 'px']
    assert list(made['mean']['x2']['clean']) == ['nearest', 'bicubic'] and made['about']['weights'] == {}
    by_set = [of_set['x2']['clean']['nearest']['rmse'] for of_set in made['sets'].values()]
    assert made['mean']['x2']['clean']['nearest']['rmse'] == pytest.approx(np.average(by_set, weights=(3, 2)),
                                                                         abs=2e-6)
    assert 'left out, under half of the map is known: points/0' in capsys.readouterr().out


def test_a_guided_network_gets_relative_depth_as_the_inverse_of_what_it_enlarges(weights, tmp_path):
    pairs = write_pairs(tmp_path / 'pairs', views=1)
    made = evaluated(tmp_path, '--data', pairs, '--factors', '4', '--degradations', 'clean', '--methods',
                     'guided', '--weights-guided', weights['guided'], '--engine', 'torch',
                     '--precision', 'fp32')
    dataset, _ = opened(pairs)
    frame = given(dataset[0], 'pairs/0', 4, 'clean')
    engine = {'engine': 'torch', 'precision': 'fp32'}
    relative = RelativeDepth.from_pretrained('mono_unet', **engine).compute(frame.image)
    network = DepthUpscaler.from_pretrained(weights['guided'], **engine)
    answers = (network.compute(frame.low_res, frame.image, values, fill_holes=True).depth
               for values in (1 / relative, relative))
    found, other = (judge(answer, frame.target, bicubic=frame.target, ms=0)['rmse'] for answer in answers)
    assert made['mean']['x4']['clean']['guided']['rmse'] == pytest.approx(found, abs=1e-5)
    assert abs(found - other) > 1e-4


def test_disparities_beyond_the_largest_depth_of_a_network_are_enlarged_all_the_same(weights):
    methods = Methods(argparse.Namespace(
        methods=['depth_only', 'guided'], factors=[4], relative='mono_unet', engine='torch', precision='fp32',
        weights_x2='', **{f'weights_{name}': weights[name] for name in ('x4', 'x8', 'guided')}))
    depth = np.full(SIZE, 40.0, np.float32)
    depth[:, 50:] = 80.0
    frame = given(DepthSample(np.zeros((*SIZE, 3), np.uint8), depth), 'a', 4, 'clean')
    for method in methods.names:
        small, large = (methods.answer(method, frame._replace(low_res=times * frame.low_res), 'px',
                                       noisy=False)[0] for times in (1, 8))
        np.testing.assert_allclose(large, 8 * small, rtol=1e-5)


@pytest.mark.parametrize(('arguments', 'reason'), [
    (['--frames', '0'], '--frames must be 1 or more, got 0'),
    (['--methods', 'depth_only', '--weights-x4', 'nothing_like_it'], 'no weights at .*nothing_like_it'),
    (['--sheet', 'x.txt'], r'--sheet must end in \.png or \.jpg'),
    (['--layout', 'middlebury'], 'expected the layout of Middlebury')])
def test_mistakes_are_one_sentence(folder, tmp_path, arguments, reason):
    with pytest.raises((ValueError, OSError), match=reason) as raised:
        evaluated(tmp_path, '--data', folder, '--methods', 'nearest', *arguments)
    assert '\n' not in str(raised.value)


def test_a_folder_given_twice_and_data_of_points_alone_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match='--data must name different folders'):
        evaluated(tmp_path, '--data', folder, '--data', folder, '--methods', 'nearest')
    points = write_pairs(tmp_path / 'points', views=1, known=0.2)
    with pytest.raises(ValueError, match='there is no frame of which half is known'):
        evaluated(tmp_path, '--data', points, '--methods', 'nearest')


@pytest.mark.parametrize(('option', 'of', 'reason'), [
    ('x4', 'x8', 'x4 needs weights of a network of depth alone for x4'),
    ('x4', 'guided', 'x4 needs weights of a network of depth alone for x4'),
    ('guided', 'x4', 'guided needs weights of a network guided by images')])
def test_weights_of_another_kind_are_refused(folder, weights, tmp_path, option, of, reason):
    method = 'guided' if option == 'guided' else 'depth_only'
    with pytest.raises(ValueError, match=reason):
        evaluated(tmp_path, '--data', folder, '--methods', method, '--factors', '4', f'--weights-{option}',
                  weights[of])


def test_it_is_a_command_whose_help_lists_every_metric(capsys):
    with pytest.raises(SystemExit):
        cli.main(['evaluate', 'super_resolution', '--help'])
    shown = capsys.readouterr().out
    assert all(f'\n  {name} ' in shown for name in METRICS)


# --- maps of disparity beside their images


def write_rgb_disparity(folder, image_size, size, kind=np.uint8):
    for name in ('RGB', 'Depth'):
        (folder / name).mkdir(parents=True)
    columns = np.broadcast_to(np.arange(image_size[1]), image_size)
    cv2.imwrite(str(folder / 'RGB/art.png'), np.repeat(np.uint8(columns)[..., None], 3, axis=2))
    steps = np.full(size, 40, kind)
    steps[:4] = 0
    cv2.imwrite(str(folder / 'Depth/art.png'), steps)
    return folder


def test_maps_without_holes_are_read_with_the_middle_of_their_images(tmp_path):
    dataset, unit = opened(write_rgb_disparity(tmp_path / 'a', (102, 145), (100, 140)))
    assert isinstance(dataset, RgbDisparity) and unit == 'px' and dataset.names == ['art']
    sample = dataset[0]
    assert sample.image.shape == (100, 140, 3) and sample.image[0, 0, 0] == 2
    assert np.isnan(sample.depth[:4]).all() and (sample.depth[4:] == 40).all()
    too_large = RgbDisparity(write_rgb_disparity(tmp_path / 'b', (110, 140), (100, 140)))
    with pytest.raises(ValueError, match=r'art\.png: 140x100 px, but the image is 140x110 px'):
        too_large[0]


def test_what_lies_as_such_maps_in_16_bits_is_not_taken_for_them(tmp_path):
    root = write_rgb_disparity(tmp_path / 'a', (100, 140), (100, 140), np.uint16)
    with pytest.raises(LayoutError, match=r'Depth/NAME\.png of 8 bits'):
        RgbDisparity(root)
    dataset, unit = opened(root)
    assert type(dataset).__name__ == 'Synthia' and unit == 'm'


def test_pairs_are_maps_of_disparity_and_an_unknown_layout_is_named(tmp_path):
    dataset, unit = opened(write_pairs(tmp_path / 'pairs', known=0.9))
    depth = dataset[0].depth
    assert unit == 'px' and np.isnan(depth).mean() == pytest.approx(0.1, abs=0.02)
    assert set(np.unique(depth[np.isfinite(depth)])) == {9, 21}
    with pytest.raises(ValueError, match=r'layout must be auto or one of .*rgb_disparity, got'):
        opened(tmp_path, 'else')

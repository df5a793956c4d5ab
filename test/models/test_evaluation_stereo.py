"""Evaluation of stereo: pairs from files, judged as the metrics say, printed, kept and drawn."""

import argparse
import hashlib
import json

import cv2
import numpy as np
import pytest

from depth_models import pretrained
from depth_models.data.formats import write_pfm
from depth_models.data.samples import StereoSample
from depth_models.evaluation import report, stereo
from depth_models.evaluation.figures import mean
from depth_models.evaluation.stereo_figures import UNITS, Answer, judge

NAN = float('nan')
CLASSICAL = ['bm', 'sgbm', 'sgbm_3way', 'bm_sparse', 'sgbm_sparse', 'sgbm_3way_sparse']
STAGES = ['stage1', 'stage2', 'stage3', 'stage4']


def one_row(*values):
    return np.array([values], np.float32)


def sample_of(truth, visible=None):
    image = np.zeros((*truth.shape, 3), np.uint8)
    return StereoSample(image, image, truth, visible)


# ten pixels: 0.2 0.7 1.5 3.5 4.5 3.5(3.5 %) off, unknown truth, no estimate, 0 and 0 off
TRUTH = one_row(10, 10, 10, 10, 10, 100, NAN, 10, 10, 10)
FOUND = one_row(10.2, 10.7, 11.5, 13.5, 14.5, 103.5, 7, NAN, 10, 10)
SURE = one_row(0.9, 0.9, 0.5, 0.4, 0.1, 0.7, 0.9, 0.9, 0.8, 0.3)


def test_figures_of_all_known_pixels_by_hand():
    found = judge(Answer(FOUND, SURE, 1.5), sample_of(TRUTH))
    assert set(found) == set(UNITS)
    assert found['epe'] == pytest.approx((0.2 + 0.7 + 1.5 + 3.5 + 4.5 + 3.5) / 8, rel=1e-5)
    percent = [found[name] for name in ('bad0.5', 'bad1', 'bad2', 'bad4', 'd1')]
    assert percent == pytest.approx([62.5, 50.0, 37.5, 12.5, 25.0])
    assert found['density'] == pytest.approx(8 / 9)
    assert found['seconds'] == 1.5
    # 70 % of the eight answered are six: without 0.1 and 0.3, so of the bad ones 3.5 and 3.5 stay
    assert found['bad2_at_70'] == pytest.approx(100 * 2 / 6)
    # in bins of 0.1, confidence less the right ones: two of 0.9, then 0.8 0.7 0.5 0.3 (right) and
    # 0.4 0.1 (wrong: over 3 px and 5 %)
    assert found['ece'] == pytest.approx((0.2 + 0.2 + 0.3 + 0.5 + 0.7 + 0.4 + 0.1) / 8, rel=1e-5)
    assert all(np.isnan(found[name]) for name in UNITS if name.endswith('_noc'))


def test_non_occluded_figures_leave_out_what_the_right_camera_does_not_see():
    visible = np.array([[1, 1, 0, 1, 0, 1, 1, 1, 1, 0]], bool)
    found = judge(Answer(FOUND, None, 0.0), sample_of(TRUTH, visible))
    assert found['epe_noc'] == pytest.approx((0.2 + 0.7 + 3.5 + 3.5) / 5, rel=1e-5)
    assert found['bad2_noc'] == pytest.approx(40.0) and found['bad2'] == pytest.approx(37.5)
    assert found['d1_noc'] == pytest.approx(20.0)
    assert found['density_noc'] == pytest.approx(5 / 6)


def test_without_confidence_there_are_no_figures_of_it():
    found = judge(Answer(FOUND, None, 0.0), sample_of(TRUTH))
    assert all(np.isnan(found[name]) for name in ('ause', 'auc', 'bad2_at_70', 'ece', 'ause_noc'))


def test_a_perfect_order_of_confidence_has_no_area_to_the_oracle():
    error = np.abs(FOUND - TRUTH)
    found = judge(Answer(FOUND, np.exp(-error), 0.0), sample_of(TRUTH, np.ones(TRUTH.shape, bool)))
    assert found['ause'] == pytest.approx(0.0, abs=1e-6) and found['auc'] > 0
    assert found['ause_noc'] == pytest.approx(0.0, abs=1e-6)


def test_a_mean_is_over_the_pairs_where_a_figure_applies():
    with_mask = judge(Answer(FOUND, None, 0.0), sample_of(TRUTH, np.ones(TRUTH.shape, bool)))
    without = judge(Answer(TRUTH, None, 4.0), sample_of(TRUTH))
    found = mean([with_mask, without])
    assert found['epe'] == pytest.approx(with_mask['epe'] / 2)
    assert found['epe_noc'] == with_mask['epe_noc']
    assert found['seconds'] == 2.0 and np.isnan(found['ause'])


@pytest.mark.parametrize('largest, searched', [(15.9, 16), (16.0, 32), (47.5, 48), (0.4, 16)])
def test_opencv_searches_the_true_range_rounded_up_to_16_px(largest, searched):
    assert stereo.range_of(sample_of(one_row(NAN, 0.3, largest))) == searched


def box_before_a_wall(seed):
    """A wall of disparity 6, and in front of it a box of 14 that reaches the left border."""
    rng = np.random.default_rng(seed)
    wall, box = (cv2.GaussianBlur(rng.integers(0, 256, (64, 180, 3), np.uint8), (0, 0), 0.8)
                 for _ in range(2))
    left, right = wall[:, :160].copy(), wall[:, 6:166].copy()
    left[20:44, 10:60], right[20:44, :46] = box[20:44, 10:60], box[20:44, 14:60]
    disparity, visible = np.full((64, 160), 6.0, np.float32), np.ones((64, 160), bool)
    disparity[20:44, 10:60] = 14.0
    visible[:, :6] = visible[20:44, :14] = False
    return StereoSample(left, right, disparity, visible)


def write_pair(folder, sample, *, with_mask):
    folder.mkdir(parents=True)
    for name, image in (('im0.png', sample.left), ('im1.png', sample.right)):
        cv2.imwrite(str(folder / name), image[..., ::-1])
    write_pfm(folder / 'disp0.pfm', sample.disparity)
    if with_mask:
        cv2.imwrite(str(folder / 'mask0nocc.png'), np.where(sample.visible, np.uint8(255), np.uint8(128)))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('pairs')
    for seed, name in enumerate('ab'):
        write_pair(folder / name, box_before_a_wall(seed), with_mask=name == 'b')
    return folder


def evaluate(*arguments):
    parser = argparse.ArgumentParser()
    stereo.add_arguments(parser)
    stereo.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture(scope='module')
def written(folder):
    """The JSON and the sheet of a run of everything, read again."""
    out = folder.parent / 'made' / 'by_it'
    mine = folder.parent / 'mine.safetensors'
    mine.write_bytes(pretrained.find('anynet').read_bytes())
    evaluate('--data', folder, '--json', out / 'x.json', '--sheet', out / 'x.png',
             '--weights', 'anynet', mine, '--engine', 'torch', '--precision', 'fp32')
    return json.loads((out / 'x.json').read_text()), cv2.imread(str(out / 'x.png'))


def test_the_json_has_every_figure_of_every_method_and_pair(written):
    made, _ = written
    assert list(made) == ['pairs', 'mean', 'units', 'about']
    assert list(made['pairs']) == ['a', 'b']
    for of_methods in (*made['pairs'].values(), made['mean']):
        assert list(of_methods) == CLASSICAL + STAGES + [f'mine_{stage}' for stage in STAGES]
        for figures in of_methods.values():
            assert set(figures) == set(made['units']) == set(UNITS)
            assert all(value is None or isinstance(value, float) for value in figures.values())


def test_the_json_has_null_where_a_figure_does_not_apply_and_means_of_the_rest(written):
    pairs, means = written[0]['pairs'], written[0]['mean']
    assert pairs['a']['stage4']['epe_noc'] is None and pairs['a']['sgbm']['ause'] is None
    assert means['sgbm']['ause'] is None
    for method in ('sgbm_sparse', 'stage4'):
        both = [pairs[name][method]['bad1'] for name in 'ab']
        assert means[method]['bad1'] == pytest.approx(sum(both) / 2, abs=1e-5)
        assert means[method]['epe_noc'] == pairs['b'][method]['epe_noc'] > 0
    assert 0 < means['stage4']['ause'] < means['stage4']['auc']


def test_filled_methods_are_dense_and_sparse_ones_judged_where_they_answer(written):
    for of_methods in written[0]['pairs'].values():
        for name in ('bm', 'sgbm', 'sgbm_3way'):
            assert of_methods[name]['density'] == 1.0
            assert 0.4 < of_methods[f'{name}_sparse']['density'] < 0.9
            # what is filled at the left border is the box, where half of it is wall
            assert of_methods[f'{name}_sparse']['epe'] < 0.2 < of_methods[name]['epe']
        assert all(of_methods[stage]['density'] == 1.0 for stage in STAGES)


def test_stages_of_other_weights_have_their_name_before_them(written):
    for of_methods in written[0]['pairs'].values():
        for stage in STAGES:  # the second weights are a copy of the first ones
            for figure in ('epe', 'bad1', 'ause'):
                assert of_methods[f'mine_{stage}'][figure] == of_methods[stage][figure]


def test_the_json_says_what_made_it(written, folder):
    about, mine = written[0]['about'], folder.parent / 'mine.safetensors'
    assert about['command'] == (f'depth-nodes evaluate stereo --data {folder} --layout auto --weights anynet '
                                f'{mine} --stages 1 2 3 4 --engine torch --precision fp32')
    assert list(about['weights']) == ['anynet', str(mine)]
    for network in about['weights'].values():
        assert network['sha256'] == hashlib.sha256(mine.read_bytes()).hexdigest()
        assert network['engine'].startswith('torch') and network['precision'] == 'fp32'
    assert about['opencv'] == cv2.__version__ and about['pairs'] == 2
    assert about['opencv_searched_px'] == {'a': 16, 'b': 16}  # of 14


def test_weights_of_one_name_are_refused(folder):
    with pytest.raises(ValueError, match='must have different names, got anynet anynet'):
        evaluate('--data', folder, '--weights', 'anynet', 'anynet')


def test_the_sheet_shows_a_row_a_pair(written):
    _, picture = written
    assert picture is not None
    assert picture.shape[0] > 2 * 200 and picture.shape[1] > 6 * 300
    for rows in np.split(picture[84:], 2):  # the first picture of each is the left image: noise
        assert len(np.unique(rows[60:160, 30:300].reshape(-1, 3), axis=0)) > 500


def test_the_screen_shows_means_then_non_occluded_ones_and_every_pair_if_asked(folder, capsys):
    evaluate('--data', folder, '--stages', '--verbose', '--layout', 'pairs')
    printed = capsys.readouterr().out
    titles = [line.split()[0] for line in printed.splitlines() if 'bad-0.5' in line]
    assert titles == ['a', 'b', 'mean', 'mean']
    assert 'mean of 2 ' in printed and 'non-occluded pixels\nmean of 1 ' in printed
    assert [line.split()[0] for line in printed.splitlines() if line.startswith(('bm', 'sgbm', 'stage'))] \
        == 4 * CLASSICAL


def test_the_screen_says_what_the_json_says(folder, tmp_path, capsys):
    evaluate('--data', folder, '--stages', '--json', tmp_path / 'x.json')
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    means = json.loads((tmp_path / 'x.json').read_text())['mean']
    shown = next(words for words in lines if words and words[0] == 'sgbm')
    assert shown[1:8] == [f'{means["sgbm"][name]:.2f}' for name in (
        'epe', 'bad0.5', 'bad1', 'bad2', 'bad4', 'd1', 'density')]
    assert shown[8:12] == ['-'] * 4


def test_a_given_range_is_searched_instead_of_the_true_one(folder, tmp_path):
    density = {}
    for given in (16, 64):  # px, of 160: as many columns go without an answer of OpenCV's
        file = tmp_path / f'{given}.json'
        evaluate('--data', folder, '--stages', '--max-disparity', given, '--json', file)
        density[given] = json.loads(file.read_text())['mean']['sgbm_sparse']['density']
    assert density[64] <= 96 / 160 < density[16] <= 144 / 160


@pytest.mark.parametrize('arguments, reason', [
    (['--max-disparity', '0'], '--max-disparity must be 1 px or more, got 0'),
    (['--sheet', 'x.tiff.txt'], '--sheet must end in .png or .jpg, got x.tiff.txt'),
    (['--layout', 'eth3d'], 'eth3d|ETH3D|disp0GT'),
    (['--weights', 'nothing_like_it'], 'no weights at .*nothing_like_it')])
def test_mistakes_are_one_sentence(folder, arguments, reason):
    with pytest.raises((ValueError, OSError), match=reason) as raised:
        evaluate('--data', folder, *arguments)
    assert '\n' not in str(raised.value)


def test_a_pair_without_any_known_disparity_is_named(tmp_path):
    write_pair(tmp_path / 'dark', sample_of(np.full((32, 48), NAN, np.float32)), with_mask=False)
    with pytest.raises(ValueError, match='no pixel of dark has a known disparity'):
        evaluate('--data', tmp_path, '--stages')


def test_sheets_show_the_best_pair_first_and_the_worst_last():
    figures = {name: {'sgbm': {'bad2': value}} for name, value in
               zip('abcdefghi', (50.0, 10.0, NAN, 30.0, 20.0, 70.0, 60.0, 40.0, 5.0))}
    # by bad-2: i b e d h a g f, and c is not judged
    shown = report.to_show(figures, 'sgbm', 'bad2')
    assert shown[0] == 'i' and shown[-1] == 'f' and len(shown) == report.SHOWN
    assert shown == sorted(shown, key='ibedhagf'.index)
    assert report.to_show({'b': figures['b']}, 'sgbm', 'bad2') == ['b']

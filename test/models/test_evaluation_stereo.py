"""The accuracy table: read from files, judged as the metrics say, printed and kept."""

import json

import cv2
import numpy as np
import pytest

from depth_models.data.formats import write_pfm
from depth_models.evaluation import stereo

NAN = float('nan')


def write_pair(folder, disparity, shift):
    """A noise pair shifted by `shift` px, whose truth file says `disparity`."""
    folder.mkdir()
    height, width = disparity.shape
    left = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    cv2.imwrite(str(folder / 'im0.png'), left)
    cv2.imwrite(str(folder / 'im1.png'), np.roll(left, -shift, axis=1))
    write_pfm(folder / 'disp0.pfm', disparity)


@pytest.fixture
def pairs(tmp_path):
    truth = np.full((50, 140), 9.0, np.float32)
    truth[:, :40] = np.nan
    truth[:, 120:] = np.nan
    write_pair(tmp_path / 'b_right', truth, shift=9)
    write_pair(tmp_path / 'a_wrong', truth + 4, shift=9)  # off by 4 px: over every threshold
    return tmp_path


def test_pairs_are_read_by_name_with_unknown_pixels_as_nan(pairs):
    first, second = stereo.read_pairs(pairs)
    assert (first.name, second.name) == ('a_wrong', 'b_right')
    assert np.isnan(second.disparity[:, :40]).all() and second.disparity[3, 60] == 9.0
    assert second.max_disparity == 32 and first.left.shape == (50, 140, 3)


def test_figures_are_of_all_known_pixels_after_filling_and_density_before():
    truth = np.array([[10.0, 20.0, 30.0, NAN]], np.float32)
    image = np.zeros((1, 4, 3), np.uint8)
    pair = stereo.Pair('tiny', image, image, truth)
    found = stereo.judge(pair, lambda _: (np.array([[11.5, NAN, 26.0, 5.0]], np.float32), None))
    # the hole becomes 11.5, the lower neighbour: errors 1.5, 8.5, 4
    assert found.epe == pytest.approx((1.5 + 8.5 + 4) / 3)
    assert (found.bad1, found.bad2, found.d1) == pytest.approx((1.0, 2 / 3, 2 / 3))
    assert found.density == pytest.approx(2 / 3)
    assert np.isnan(found.ause) and np.isnan(found.ece)


def test_confidence_is_judged_where_there_is_one():
    truth = np.array([[10.0, 20.0, 30.0, 40.0]], np.float32)
    image = np.zeros((1, 4, 3), np.uint8)
    estimate = truth + np.array([[1.0, 5.0, 0.0, 2.0]], np.float32)
    confidence = np.array([[0.9, 0.1, 0.9, 0.9]], np.float32)
    found = stereo.judge(stereo.Pair('tiny', image, image, truth), lambda _: (estimate, confidence))
    assert found.ece == pytest.approx(0.1)  # 0.9 for three right ones, 0.1 for the wrong one


def test_the_command_prints_a_table_and_writes_the_same_figures(pairs, tmp_path, capsys):
    stereo.main(['--pairs', str(pairs), '--stages', '--json', str(tmp_path / 'figures.json')])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split()[:2] == ['pair', 'matcher']
    kept = {(row['pair'], row['matcher']): row
            for row in json.loads((tmp_path / 'figures.json').read_text())}
    assert len(kept) == 3 * len(stereo.classical.MATCHERS) == len(printed) - 1
    assert kept['b_right', 'SGBM']['bad2'] < 0.05
    assert kept['a_wrong', 'SGBM']['bad2'] > 0.95
    assert kept['mean', 'SGBM']['epe'] == pytest.approx(
        (kept['a_wrong', 'SGBM']['epe'] + kept['b_right', 'SGBM']['epe']) / 2)
    assert kept['b_right', 'SGBM']['ause'] is None


def test_an_empty_folder_ends_with_one_line_that_says_what_was_expected(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        stereo.main(['--pairs', str(tmp_path), '--stages'])
    assert ended.value.code == 1
    assert 'no pair here; expected <name>/im0.png' in capsys.readouterr().err

"""The checks before a run find what is wrong, and pass what is right."""

import cv2
import numpy as np
import pytest

pytest.importorskip('yaml')

from depth_models.data.formats import write_pfm
from depth_models.training import config_files
from depth_models.training.checks import check, check_overfits
from depth_models.training.stereo_checks import check_source

SMALL = ['data.height=64', 'data.width=128', 'data.max_disparity=64', 'trainer.overfit_steps=25']


@pytest.fixture
def with_truth(tmp_path):
    """A config of one pair, shifted by 9 px, whose truth file says what it is given."""
    def make(says, *, swapped=False):
        wide = np.random.default_rng(2).integers(0, 256, (80, 200, 3), np.uint8)
        wide = cv2.normalize(cv2.GaussianBlur(wide, (0, 0), 2.0), None, 0, 255, cv2.NORM_MINMAX)
        views = [wide[:, :180], wide[:, 9:189]]
        for name, view in zip(('im0.png', 'im1.png'), views[::-1] if swapped else views):
            folder = tmp_path / 'one'
            folder.mkdir(exist_ok=True)
            cv2.imwrite(str(folder / name), view)
        write_pfm(folder / 'disp0.pfm', np.full((80, 180), says, np.float32))
        return config_files.load('anynet', [
            *SMALL, f'data.sources=[{{kind: pairs, path: "{tmp_path}", augment: false}}]'])
    return make


def test_a_true_disparity_passes(with_truth):
    true, more, less, none = check_source(with_truth(9.0), 0)
    assert true < 0.2 * min(more, less, none)


@pytest.mark.parametrize(('says', 'swapped'), [(4.5, False), (18.0, False), (11.0, False), (9.0, True)])
def test_a_wrong_unit_a_shift_or_swapped_views_do_not(with_truth, says, swapped):
    with pytest.raises(ValueError, match=r'data\.sources\[0\] \(pairs .*does not take the right image'):
        check_source(with_truth(says, swapped=swapped), 0)


def test_generated_pairs_and_the_network_pass(capsys):
    check(config_files.load('anynet', SMALL))
    said = capsys.readouterr().out.splitlines()
    assert [line.split(':')[1] for line in said[:2]] == [' layered', ' world']
    assert said[2].startswith('check: loss on one batch')


def test_a_network_that_does_not_learn_is_said_so():
    config = config_files.load('anynet', [*SMALL, 'trainer.overfit_steps=2', 'trainer.overfit_factor=50'])
    with pytest.raises(ValueError, match=r'does not learn .* in 2 steps \(trainer\.overfit_steps\)'):
        check_overfits(config)

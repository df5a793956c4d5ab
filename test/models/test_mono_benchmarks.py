"""The benchmarks of one camera that make figures of their own: what they compare is what they say."""

import json

import numpy as np
import pytest
import torch
from depth_folders import write_views

from benchmarks import metric_scale
from benchmarks.depth_frames import frames
from depth_models import pretrained
from depth_models.data.depth_datasets import open_depth_dataset
from depth_models.data.samples import DepthSample
from depth_models.networks.mono_networks import KINDS

SIZE = (40, 60)


def room():
    """A floor that comes nearer from row to row, a pixel unknown and a row beyond what is judged."""
    depth = np.repeat(np.linspace(9.0, 1.0, SIZE[0], dtype=np.float32)[:, None], SIZE[1], axis=1)
    depth[0], depth[5, 5] = 12.0, np.nan
    return DepthSample(np.zeros((*SIZE, 3), np.uint8), depth)


def test_what_is_given_is_true_and_not_judged():
    truth = room().depth
    given, rest = metric_scale.shared_out(truth, 200, seed=3)
    known = np.isfinite(given)
    assert known.sum() == 200 and np.isnan(rest[known]).all() and not known[0].any()
    assert np.array_equal(given[known], truth[known])
    assert np.array_equal(rest[~known], truth[~known], equal_nan=True)
    assert not np.array_equal(known, np.isfinite(metric_scale.shared_out(truth, 200, seed=4)[0]))
    few = np.full(SIZE, np.nan, np.float32)
    few[2, :10] = 2.0
    assert np.isfinite(metric_scale.shared_out(few, 200, seed=0)[0]).sum() == 5  # half is left to judge


def test_samples_may_come_from_a_band_of_rows_and_be_wrong():
    truth = room().depth
    given, rest = metric_scale.shared_out(truth, 100, seed=3, rows=0.25, wrong=0.3)
    known = np.isfinite(given)
    assert known.sum() == 100 and not known[:15].any() and not known[25:].any()
    assert (given[known] != truth[known]).sum() == 30 and given[known].min() >= 0.3
    assert np.isnan(rest[known]).all() and np.array_equal(rest[~known], truth[~known], equal_nan=True)


def test_each_mode_undoes_what_it_can():
    sample = room()
    scaled, shifted = sample.depth / 3, 1 / (2 / sample.depth + 0.2)
    found = metric_scale.judged_by_mode(scaled, sample, 200, seed=0)
    assert found['none']['rmse'] > 1 and found['median']['rmse'] < 1e-4 and found['affine']['rmse'] < 1e-4
    found = metric_scale.judged_by_mode(shifted, sample, 200, seed=0)
    assert found['none']['rmse'] > found['median']['rmse'] > 0.1 and found['affine']['rmse'] < 1e-3
    assert metric_scale.cut(found, 'affine') > 0.99 and metric_scale.cut(found, 'none') == 0
    assert found['affine']['density'] == 1


def test_the_figures_of_every_network_and_mode_are_written(tmp_path, capsys):
    folder = write_views(tmp_path / 'boxes')
    torch.manual_seed(1)
    config = KINDS['mono_unet'].config()
    pretrained.write(tmp_path / 'mine.safetensors', KINDS['mono_unet'].network(config), 'mono_unet', config,
                     {'shorter_side': '64'})
    metric_scale.main(['--data', folder, '--weights', str(tmp_path / 'mine.safetensors'), '--frames', '2',
                       '--engine', 'torch', '--json', str(tmp_path / 'x.json')])
    made = json.loads((tmp_path / 'x.json').read_text())
    assert list(made['mean']['mine']) == ['none', 'median', 'affine'] and made['frames'] == 2
    modes = made['mean']['mine']
    assert modes['affine']['cut_by'] == pytest.approx(1 - modes['affine']['rmse'] / modes['none']['rmse'])
    assert modes['median']['rmse'] < modes['none']['rmse']  # random weights know no metres
    assert 'cut by' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        metric_scale.main(['--data', str(tmp_path / 'absent'),
                           '--weights', str(tmp_path / 'mine.safetensors')])
    assert 'absent: no such folder' in capsys.readouterr().err


def test_frames_are_spread_and_know_their_depth(tmp_path):
    folder = write_views(tmp_path / 'boxes', views=20)
    every = [sample.image.tobytes() for sample in open_depth_dataset(folder)]
    places = sorted(every.index(sample.image.tobytes()) for sample in frames(folder, 4, 10.0))
    assert len(set(places)) == 4 and places[0] < 7 and places[-1] > 12
    assert len(frames(folder, 50, 10.0)) == 20
    with pytest.raises(ValueError, match=r'no frame has depth up to 0\.5 m in half of its pixels'):
        frames(folder, 4, 0.5)


def test_overfitting_runs_the_whole_way_and_says_where_it_did_not_learn(tmp_path, capsys):
    pytest.importorskip('lightning.pytorch', reason='training needs pip install depth_nodes[train]')
    from benchmarks import mono_overfit

    with pytest.raises(SystemExit) as stopped:
        mono_overfit.main(['--data', write_views(tmp_path / 'boxes'), '--networks', 'coarse_to_fine',
                           '--steps', '2', '--json', str(tmp_path / 'x.json')])
    assert stopped.value.code == 1
    said = capsys.readouterr()
    assert 'did not learn the frames by heart' in said.err and 'NOT below 0.05' in said.out
    found = json.loads((tmp_path / 'x.json').read_text())['networks']['coarse_to_fine']
    assert found['steps'] == 2 and found['abs_rel'] > 0.05

"""What guided super-resolution gains from relative depth: every source of it is what its name says."""

import json
from pathlib import Path

import numpy as np
import pytest
import super_resolution_networks
from depth_folders import write_pairs, write_views

from benchmarks import relative_depth
from depth_models.estimators.relative_depth import RelativeDepth
from depth_models.estimators.super_resolution import DepthUpscaler
from depth_models.evaluation.super_resolution_data import opened
from depth_models.evaluation.super_resolution_figures import given, judge
from depth_models.evaluation.upsampling import enlarged

SIZE = (66, 97)
RATIOS = ('rmse_ratio', 'edges_ratio')


@pytest.fixture(scope='module')
def views(tmp_path_factory):
    return write_views(tmp_path_factory.mktemp('data') / 'views', views=3, size=SIZE)


def by_hand(folder, names, weights):
    """Ratios of a folder by source, x4 from noisy maps."""
    network = DepthUpscaler.from_pretrained(weights, engine='torch')
    mono = RelativeDepth.from_pretrained('mono_unet', engine='torch')
    dataset, unit = opened(folder)
    found = {'mono_unet': [], 'none': [], 'truth': []}
    for name in names:
        frame = given(dataset[dataset.names.index(name)], f'{folder.name}/{name}', 4, 'noisy')
        near = mono.compute(frame.image)
        guides = {'mono_unet': near if unit == 'm' else 1 / near, 'none': np.full_like(near, 7.0),
                  'truth': 1 / frame.target}
        for source, guide in guides.items():
            large = network.compute(frame.low_res, frame.image, guide, fill_holes=True).depth
            figures = judge(large, frame.target, ms=0,
                            bicubic=enlarged('bicubic', frame.low_res, frame.image))
            found[source].append([figures[name] for name in RATIOS])
    return {source: np.mean(rows, axis=0) for source, rows in found.items()}


def test_every_source_is_what_its_name_says_in_metres_and_in_pixels(views, tmp_path, capsys):
    weights = super_resolution_networks.write(tmp_path / 'guided.safetensors', guided=True)
    pairs, points = write_pairs(tmp_path / 'pairs', views=1), write_pairs(tmp_path / 'points', 1, known=0.2)
    relative_depth.main([
        *(word for folder in (views, pairs, points) for word in ('--data', str(folder))), '--frames', '2',
        '--factors', '4', '--weights', weights, '--engine', 'torch', '--json', str(tmp_path / 'x.json')])
    made = json.loads((tmp_path / 'x.json').read_text())
    assert made['frames'] == 3 and made['left_out'] == ['points/0'] and list(made['weights']) == [weights]
    expected = {'views': by_hand(Path(views), ('0', '2'), weights), 'pairs': by_hand(pairs, ('0',), weights)}
    assert list(made['sets']) == list(expected)
    for name, of_sources in expected.items():
        found = made['sets'][name]['x4']['noisy']
        assert list(found) == ['mono_unet', 'none', 'truth']
        for source, ratios in of_sources.items():
            assert list(found[source]) == list(RATIOS)
            assert list(found[source].values()) == pytest.approx(ratios, abs=2e-5)
            others = [other for which, other in of_sources.items() if which != source]
            assert all(abs(ratios - other).max() > 1e-3 for other in others)  # or they could be exchanged
    for source, figures in made['mean']['x4']['noisy'].items():
        mean = (2 * expected['views'][source] + expected['pairs'][source]) / 3
        assert list(figures.values()) == pytest.approx(mean, abs=2e-5)
    said = capsys.readouterr().out
    assert all(f'x4 noisy, {title}' in said for title in (
        'views, mean of 2', 'pairs, mean of 1', 'all, mean of 3'))
    assert 'left out, under half of the map is known: points/0' in said


@pytest.mark.parametrize(('arguments', 'says'), [
    (['--weights', 'depth_gan_x4'], 'guided needs weights of a network guided by images'),
    (['--frames', '0'], '--frames must be 1 or more, got 0')])
def test_mistakes_are_one_sentence(views, arguments, says, capsys):
    with pytest.raises(SystemExit):
        relative_depth.main(['--data', views, *arguments])
    assert says in capsys.readouterr().err

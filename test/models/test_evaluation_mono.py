"""Evaluation of depth from one image: frames from files, judged by rules, printed, kept and drawn."""

import argparse
import hashlib
import json

import cv2
import numpy as np
import pytest
import torch
from furniture_libraries import write_library

from depth_models import pretrained
from depth_models.estimators.mono import MonoEstimator
from depth_models.evaluation import floors, mono
from depth_models.evaluation.floors import Floors
from depth_models.evaluation.mono_figures import UNITS, Rules, judge
from depth_models.networks.mono_networks import KINDS

H, W = 48, 64
FLOORS = ['floor_constant', 'floor_rows']


def room(seed):
    """A wall behind a floor that comes nearer from row to row, and a hole in what is known; m."""
    rng = np.random.default_rng(seed)
    depth = np.full((H, W), 4.0 + seed, np.float32)
    depth[H // 2:] = np.linspace(4.0 + seed, 1.5, H - H // 2)[:, None]
    depth[10:16, 20:30] = np.nan
    return cv2.GaussianBlur(rng.integers(0, 256, (H, W, 3), np.uint8), (0, 0), 1), depth


def write_frame(folder, name, image, depth):
    for path in (folder / 'color', folder / 'depth'):
        path.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / f'color/{name}.png'), image[..., ::-1])
    cv2.imwrite(str(folder / f'depth/{name}.png'), np.nan_to_num(1000 * depth).astype(np.uint16))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('frames')
    for seed, name in enumerate('ab'):
        write_frame(folder, name, *room(seed))
    return folder


def evaluate(*arguments):
    parser = argparse.ArgumentParser()
    mono.add_arguments(parser)
    mono.run(parser.parse_args([str(argument) for argument in arguments]))


def evaluated(tmp_path, *arguments):
    evaluate('--json', tmp_path / 'x.json', *arguments)
    return json.loads((tmp_path / 'x.json').read_text())


def weights_of(kind, path, seed=1):
    """A file of weights that were drawn: no two pixels and no two stages alike."""
    torch.manual_seed(seed)
    config = KINDS[kind].config()
    network = KINDS[kind].network(config)
    with torch.no_grad():
        for parameter in network.parameters():  # as they begin, some are 0
            parameter += 0.05 * torch.randn_like(parameter)
    pretrained.write(path, network, kind, config, {})
    return path


# --- the floors


def test_the_constant_floor_is_the_median_and_rows_are_resampled_by_their_height():
    one = Floors(max_depth=10.0, median=2.5, rows=(1.0, 3.0))
    np.testing.assert_array_equal(one.constant((2, 3)), np.full((2, 3), 2.5, np.float32))
    np.testing.assert_array_equal(one.by_rows((2, 3)), [[1, 1, 1], [3, 3, 3]])
    # four rows have their centres at 1/4, 3/4, 5/4 and 7/4 rows, those of the floor at 1/2 and 3/2
    np.testing.assert_allclose(one.by_rows((4, 1))[:, 0], [1.0, 1.5, 2.5, 3.0])
    np.testing.assert_allclose(one.by_rows((1, 1)), [[2.0]])


def test_floors_are_means_and_medians_of_what_is_known_up_to_each_cap():
    mono_floors = pytest.importorskip('depth_models.training.mono_floors')
    depths = [np.array([[1.0, 2.0], [6.0, 50.0]]), np.array([[np.nan, 3.0], [8.0, 90.0]])]
    near, far = mono_floors.floors_of(depths, (10.0, 80.0))
    assert near == Floors(10.0, 3.0, (2.0, 7.0))  # of 1 2 3 6 8; rows 1 2 3 and 6 8
    assert far == Floors(80.0, 4.5, (2.0, pytest.approx(64 / 3, abs=1e-4)))


def test_the_script_writes_the_same_floors_every_time_and_they_can_be_read(tmp_path, capsys):
    pytest.importorskip('embreex')
    mono_floors = pytest.importorskip('depth_models.training.mono_floors')
    files = [tmp_path / 'one.json', tmp_path / 'other.json']
    furniture = str(write_library(tmp_path / 'furniture'))
    for file in files:
        mono_floors.main(['--count', '2', '--seed', '3', '--furniture', furniture, '--out', str(file)])
    assert files[0].read_text() == files[1].read_text()
    found, about = floors.read(10.0, files[0])
    assert about['command'] == 'python -m depth_models.training.mono_floors --count 2 --seed 3'
    assert about['views'] == 2 and len(found.rows) == about['size'][0]
    with pytest.raises(SystemExit):
        mono_floors.main(['--count', '0', '--out', str(files[0])])
    assert 'count must be at least 1' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        mono_floors.main(['--count', '40', '--furniture', str(tmp_path), '--out', str(files[0])])
    assert 'apt install sweethome3d-furniture' in capsys.readouterr().err


@pytest.mark.parametrize(('cap', 'chosen'), [(5.0, 10.0), (10.0, 10.0), (11.0, 80.0), (200.0, 80.0)])
def test_shipped_floors_are_those_of_the_cap(cap, chosen):
    found, about = floors.read(cap)
    assert found.max_depth == chosen and 1 < found.median < chosen
    assert about['views'] >= 1000 and about['command'].startswith('python -m depth_models.training')
    # below the horizon comes the ground
    assert found.rows[-1] < found.rows[len(found.rows) // 2]


@pytest.mark.parametrize('text', ['no JSON', '{}', '{"about": {}, "floors": []}', '{"about": {}, "floors": ['
                                  '{"max_depth": 10, "median": 0, "rows": [1]}]}'])
def test_a_broken_file_of_floors_is_one_sentence(tmp_path, text):
    (tmp_path / 'floors.json').write_text(text)
    with pytest.raises(ValueError, match=r'floors\.json: ') as raised:
        floors.read(10.0, tmp_path / 'floors.json')
    assert '\n' not in str(raised.value)


# --- the command


def test_the_json_has_every_figure_of_every_method_and_frame(folder, tmp_path):
    made = evaluated(tmp_path, '--data', folder, '--methods', *FLOORS)
    assert list(made) == ['mean', 'frames', 'units', 'about']
    assert list(made['frames']) == ['a', 'b'] and list(made['mean']) == FLOORS
    found, _ = floors.read(10.0)
    for seed, name in enumerate('ab'):
        _, depth = room(seed)
        depth = np.float32(np.floor(1000 * depth)) / np.float32(1000)  # as it is kept
        for method, answer in (('floor_constant', found.constant((H, W))),
                               ('floor_rows', found.by_rows((H, W)))):
            expected = judge(answer, depth, Rules())
            assert set(made['frames'][name][method]) == set(made['units']) == set(UNITS)
            assert made['frames'][name][method] == pytest.approx(expected, abs=1e-5)
    for metric in UNITS:
        both = [made['frames'][name]['floor_rows'][metric] for name in 'ab']
        assert made['mean']['floor_rows'][metric] == pytest.approx(np.mean(both), abs=2e-6)


def test_the_json_says_what_made_it(folder, tmp_path):
    about = evaluated(tmp_path, '--data', folder, '--methods', *FLOORS, '--crop', 'eigen')['about']
    assert about['command'] == (f'depth-nodes evaluate mono --data {folder} --layout auto --methods '
                                'floor_constant floor_rows --engine auto --precision auto --crop eigen '
                                '--min-depth 0.001 --max-depth 10 --median-scaling')
    assert about['frames'] == 2 and about['weights'] == {}
    assert about['floors']['max_depth_m'] == 10.0 and about['floors']['views'] >= 1000
    assert about['rules'] == {'crop': [45 / 480, 471 / 480, 41 / 640, 601 / 640], 'min_depth_m': 0.001,
                              'max_depth_m': 10.0, 'median_scaling': True}


def test_options_change_the_rules(folder, tmp_path):
    def abs_rel(*options):
        made = evaluated(tmp_path, '--data', folder, '--methods', 'floor_constant', *options)
        return made['mean']['floor_constant']['abs_rel']

    plain = abs_rel()
    assert len({plain, abs_rel('--no-median-scaling'), abs_rel('--crop', 'garg'),
                abs_rel('--max-depth', '3')}) == 4
    assert abs_rel('--median-scaling', '--max-depth', '10') == plain


def test_where_no_edge_is_known_the_json_has_null_and_the_table_a_dash(tmp_path, capsys):
    image, depth = room(0)
    depth[:, ::2] = depth[::2] = np.nan
    write_frame(tmp_path / 'sparse', 'a', image, depth)
    made = evaluated(tmp_path, '--data', tmp_path / 'sparse', '--methods', 'floor_rows')
    assert made['mean']['floor_rows']['rmse_edges'] is None
    assert made['mean']['floor_rows']['rmse'] > 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith('floor_rows'))
    assert line.split()[-1] == '-'


def test_the_screen_says_what_the_json_says_and_every_frame_if_asked(folder, tmp_path, capsys):
    made = evaluated(tmp_path, '--data', folder, '--methods', *FLOORS, '--verbose')
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    assert [words[0] for words in lines if 'AbsRel' in words] == ['a', 'b', 'mean']
    shown = [words for words in lines if words[0] == 'floor_rows'][-1]
    means = made['mean']['floor_rows']
    assert shown[1:4] == [f'{means[name]:.3f}' for name in ('abs_rel', 'sq_rel', 'rmse')]
    assert shown[7:10] == [f'{means[name]:.3f}' for name in ('d1', 'd2', 'd3')]


def test_the_sheet_shows_image_truth_and_every_method(folder, tmp_path):
    evaluate('--data', folder, '--methods', *FLOORS, '--sheet', tmp_path / 'by_it/x.png')
    picture = cv2.imread(str(tmp_path / 'by_it/x.png'))
    assert picture is not None and picture.shape[1] > 4 * 340
    image, truth, constant = (len(np.unique(picture[130:330, left:left + 300].reshape(-1, 3), axis=0))
                              for left in (30, 400, 780))
    assert image > 500 and truth > 10 and constant == 1


def test_networks_are_judged_stage_by_stage(folder, tmp_path):
    unet = weights_of('mono_unet', tmp_path / 'unet.safetensors')
    stages = weights_of('coarse_to_fine', tmp_path / 'stages.safetensors')
    other = weights_of('coarse_to_fine', tmp_path / 'other.safetensors', seed=2)
    made = evaluated(tmp_path, '--data', folder, '--weights', unet, stages, other, '--engine', 'torch',
                     '--precision', 'fp32')
    assert list(made['mean']) == ['mono_unet', 'coarse', 'fine', 'other_coarse', 'other_fine', *FLOORS]
    image, depth = room(1)
    depth = np.float32(np.floor(1000 * depth)) / np.float32(1000)
    for method, file, stage in (('mono_unet', unet, 1), ('coarse', stages, 1), ('fine', stages, 2),
                                ('other_fine', other, 2)):
        estimator = MonoEstimator.from_pretrained(str(file), engine='torch', precision='fp32')
        expected = judge(estimator.compute(image, stage=stage).depth, depth, Rules())
        assert made['frames']['b'][method] == pytest.approx(expected, abs=1e-4)
    assert len({figures['rmse'] for figures in made['mean'].values()}) == 7
    weights = made['about']['weights']
    assert list(weights) == [str(unet), str(stages), str(other)]
    assert weights[str(unet)]['sha256'] == hashlib.sha256(unet.read_bytes()).hexdigest()
    assert weights[str(unet)]['engine'].startswith('torch')


def test_only_the_stages_that_are_asked_for_are_judged(folder, tmp_path):
    stages = weights_of('coarse_to_fine', tmp_path / 'stages.safetensors')
    made = evaluated(tmp_path, '--data', folder, '--weights', stages, '--methods', 'fine',
                     '--engine', 'torch')
    assert list(made['mean']) == ['fine'] and 'floors' not in made['about']
    with pytest.raises(ValueError, match=r'stages\.safetensors have no mono_unet: add weights, or name'):
        evaluate('--data', folder, '--weights', stages, '--engine', 'torch')


def test_methods_without_shipped_weights_are_named(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(mono, 'SHIPPED', tmp_path)
    with pytest.raises(FileNotFoundError, match=r'no weights for mono_unet, coarse, fine are shipped .*'
                                                r'--methods floor_constant floor_rows$'):
        evaluate('--data', folder)
    with pytest.raises(FileNotFoundError, match=r'no weights for fine are .*; name files by --weights$'):
        evaluate('--data', folder, '--methods', 'fine')


@pytest.mark.parametrize(('arguments', 'reason'), [
    (['--sheet', 'x.tiff.txt'], '--sheet must end in .png or .jpg, got x.tiff.txt'),
    (['--layout', 'kitti_raw'], 'expected KITTI depth'),
    (['--max-depth', '0'], 'min_depth must be over 0 m and under max_depth, got 0.001 and 0 m'),
    (['--max-depth', '1'], 'no pixel of a has a known depth within crop and caps'),
    (['--weights', 'x.safetensors', 'y/x.safetensors'], '--weights must have different names'),
    (['--weights', 'nothing_like_it'], 'no weights at .*nothing_like_it')])
def test_mistakes_are_one_sentence(folder, arguments, reason):
    with pytest.raises((ValueError, OSError), match=reason) as raised:
        evaluate('--data', folder, '--methods', 'floor_rows', *arguments)
    assert '\n' not in str(raised.value)


def test_driving_has_its_own_caps_and_crop(tmp_path):
    for path in ('raw/sync_rect', 'depth_completion'):
        (tmp_path / 'kitti' / path).mkdir(parents=True)
    image, depth = room(0)
    cv2.imwrite(str(tmp_path / 'kitti/raw/sync_rect/cam_02.png'), image)
    cv2.imwrite(str(tmp_path / 'kitti/depth_completion/groundtruth_image_02.png'),
                np.nan_to_num(2560 * depth).astype(np.uint16))
    about = evaluated(tmp_path, '--data', tmp_path / 'kitti', '--methods', 'floor_rows',
                      '--crop', 'eigen')['about']
    assert about['rules']['max_depth_m'] == 80.0 and about['floors']['max_depth_m'] == 80.0
    assert about['rules']['crop'][0] == pytest.approx(0.3324324)


def test_the_help_lists_every_metric(capsys):
    parser = argparse.ArgumentParser()
    mono.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(['--help'])
    shown = capsys.readouterr().out
    assert all(f'\n  {name} ' in shown for name in UNITS)

"""Training of sparse depth: what a step is fed with, its losses, runs that stop and go on."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('yaml')
torch = pytest.importorskip('torch')

from depth_folders import write_views

from depth_models import cli
from depth_models.data.sparse_patterns import PATTERNS
from depth_models.networks.sparse_depth import SparseDepth, SparseDepthConfig, SparseOutput
from depth_models.training import checks, config_files, sparse_losses, vgg
from depth_models.training.batches import validation_batches
from depth_models.training.config import SourceConfig
from depth_models.training.sparse_batches import SparseViews, borders, displaced, measured_of
from depth_models.training.sparse_config import MeasuringConfig, PatternShares, SparseDataConfig
from depth_models.training.sparse_losses import SparseLossWeights, sparse_loss
from depth_models.training.sparse_task import SparseDepthTask

FOR_TIME = ('seconds_per_step', 'waiting_for_data')
EASY = MeasuringConfig(PatternShares(1, 0, 0, 0, 0, 0), least_density=0.1, most_density=0.1, noisy=0.0,
                       wrong=0.0, shadowed=0.0, displaced=0.0)
STEPS = 12


@pytest.fixture(scope='module')
def boxes(tmp_path_factory):
    return write_views(tmp_path_factory.mktemp('sparse') / 'boxes')


@pytest.fixture
def data(boxes):
    source = SourceConfig('rgbd', path=boxes)
    return SparseDataConfig(sources=(source,), validation_sources=(source,), batch=4, height=64, width=64,
                            validation_views=5, workers=0)


# --- views


def test_a_batch_depends_on_seed_step_and_numbers_only(data):
    whole = SparseViews(data).sparse_batch(7, range(4))
    parts = [SparseViews(data).sparse_batch(7, range(start, start + 2)) for start in (0, 2)]
    for name, of_both in zip(whole._fields[:4], zip(*parts)):
        assert torch.equal(getattr(whole, name), torch.cat(of_both))
    other = SparseViews(replace(data, seed=2)).sparse_batch(7, range(4))
    assert not torch.equal(whole.sparse, other.sparse)
    assert whole.image.dtype == torch.uint8 and whole.sparse.shape == (4, 1, 64, 64) == whole.valid.shape


def test_exact_measurements_are_the_truth_and_few(data):
    batch = SparseViews(replace(data, measuring=EASY)).sparse_batch(0, range(4))
    measured = batch.sparse > 0
    assert torch.equal(batch.sparse[measured], batch.depth[measured]) and batch.valid[measured].all()
    assert 0.07 < measured.float().mean() < 0.13 and batch.valid.float().mean() > 0.8


def test_nothing_beyond_the_largest_depth_is_measured_or_asked_for(data):
    batch = SparseViews(replace(data, measuring=EASY, max_depth=3.5)).sparse_batch(0, range(4))
    assert batch.depth.max() <= 3.5 and batch.sparse.max() <= 3.5
    assert 0.02 < batch.valid.float().mean() < 0.8  # the wall is at 4 m


def test_where_nothing_was_measured_nothing_is_learned(data):
    batch = SparseViews(replace(data, measuring=EASY, max_depth=0.5)).sparse_batch(0, range(2))
    assert not batch.valid.any() and not batch.sparse.any()


def test_all_patterns_densities_and_errors_come(monkeypatch):
    asked = []
    for name, pattern in PATTERNS.items():
        monkeypatch.setitem(PATTERNS, name, lambda *args, name=name, pattern=pattern: (
            asked.append((name, args[3])), pattern(*args))[1])
    depth, image = np.full((48, 64), 3.0, np.float32), np.full((48, 64, 3), 90, np.uint8)
    off = []
    for seed in range(200):
        sparse, _ = measured_of(np.random.default_rng(seed), depth, image, MeasuringConfig())
        values = sparse[np.isfinite(sparse)]
        off.append(np.abs(values / 3 - 1).max() if len(values) else np.nan)
    names, densities = zip(*asked)
    assert set(names) == set(PATTERNS) and names.count('uniform') > names.count('grid')
    assert min(densities) < 0.0015 and max(densities) > 0.15 and 0.005 < np.median(densities) < 0.04
    assert max(density for name, density in asked if name == 'corners') <= 0.01
    assert np.nanmin(off) == 0 and 0.2 < np.nanmean(np.array(off) > 0.005) < 0.6


def test_shadows_lie_at_borders():
    depth = np.full((60, 80), 4.0, np.float32)
    depth[20:40, 30:50] = 1.5
    depth[0, 0] = np.nan
    found = borders(depth, 5)
    assert found[20, 30] and found[18, 40] and found[30, 28] and not found[30, 40] and not found[5, 5]
    assert not found[0, 1]  # next to what is unknown there is no border
    config = replace(EASY, shadowed=1.0, least_density=0.2, most_density=0.2)
    image = np.zeros((60, 80, 3), np.uint8)
    for seed in range(5):
        measured = np.isfinite(measured_of(np.random.default_rng(seed), depth, image, config)[0])
        assert measured.any() and not measured[borders(depth, 3)].any()


def test_images_are_displaced_by_a_few_pixels_and_depth_is_not():
    image = np.zeros((60, 80, 3), np.uint8)
    image[25:35, 35:45] = 255
    places = []
    for seed in range(20):
        moved = displaced(np.random.default_rng(seed), image, replace(EASY, displaced=1.0))
        rows, columns = np.nonzero(moved[..., 0] > 127)
        places.append((rows.mean() - 29.5, columns.mean() - 39.5))
    assert 1.5 < np.abs(places).max() <= 3.2 and np.std(places) > 0.8
    assert displaced(np.random.default_rng(0), image, EASY) is image


def test_a_sensor_of_the_data_set_is_taken_as_it_is(data, tmp_path):
    """KITTI: what the LiDAR measured, nothing drawn, and cut as the truth is."""
    from test_sparse_datasets import completion, picture
    completion(tmp_path, size=(64, 96))
    source = SourceConfig('kitti_completion', path=str(tmp_path), augment=False)
    views = SparseViews(replace(data, sources=(source,), measuring=EASY))
    image, sparse, depth, _ = views.measured(np.random.default_rng(0))
    whole = views.samples[0][0]
    assert image.shape == (64, 64, 3) and (sparse > 0).sum() > 20
    at = [np.s_[:, start:start + 64] for start in range(33)]
    cut = next(window for window in at if np.array_equal(whole.image[window], image))
    np.testing.assert_array_equal(sparse, np.nan_to_num(whole.sparse[cut]))
    np.testing.assert_array_equal(depth, whole.depth[cut])
    np.testing.assert_array_equal(whole.image, picture(1, 64, 96))


@pytest.mark.parametrize('wrong, says', [
    ('data={measuring: {least_density: 0.3}}', 'must lie in 0.001 to 0.2, got 0.3'),
    ('data={measuring: {patterns: {uniform: -1}}}', 'shares of patterns must be at least 0'),
    ('data={measuring: {patterns: {spiral: 1}}}', 'no key "data.measuring.patterns.spiral"'),
    ('data={measuring: {wrong: 2}}', 'wrong must be a share in 0 to 1, got 2'),
    ('data={measuring: {most_corners: 0}}', 'most_corners must lie in'),
    ('data={measuring: {relative_noise: -1}}', 'relative_noise must lie in 0 to 20'),
    ('data={max_depth: 0}', 'max_depth must be over 0 m'),
    ('optimizer={loss: {ratio: 0, log: 0}}', 'one of the first four above'),
])
def test_configs_are_checked(wrong, says):
    section, value = wrong.split('=', 1)
    with pytest.raises(ValueError, match=says):
        config_files.parse('mine', {'network': {'kind': 'sparse_depth'},
                                    section: config_files._yaml(value, 'here')})


# --- losses


def said(depth, confidence=0.0):
    size = depth.shape[-2] // 4, depth.shape[-1] // 4
    return SparseOutput(depth, torch.full((len(depth), 1, *size), confidence))


def test_the_ratio_counts_every_frame_alike():
    target = torch.ones(2, 1, 8, 8) * torch.tensor([1.0, 50.0]).view(2, 1, 1, 1)
    valid = torch.ones_like(target, dtype=torch.bool)
    weights = SparseLossWeights(log=0, first=0)
    rest = sparse_losses.CONFIDENCE_WEIGHT * 2 * np.log(2)
    for off, expected in ((1.0, 1.0), (0.5, 0.5)):
        loss = sparse_loss(said(1.2 * target), said((1 + 0.2 * off) * target), target, valid=valid,
                           weights=weights)
        assert float(loss) - rest == pytest.approx(expected, rel=0.03)


def test_the_authors_loss_is_there():
    target = 2 * torch.ones(1, 1, 8, 8)
    valid = torch.ones_like(target, dtype=torch.bool)
    valid[..., :4] = False
    off = torch.where(valid, 2.2, 99.0)
    loss = sparse_loss(said(off), said(off), target, valid=valid,
                       weights=SparseLossWeights(ratio=0, log=0, first=0, mse=1.0))
    assert float(loss) - 2 * 0.2 * np.log(2) == pytest.approx(0.01, rel=0.01)  # (0.2 m / 2 m)^2


def test_what_is_unknown_never_matters_and_gradients_are_numbers():
    network = SparseDepth(SparseDepthConfig(channels=(4, 4, 4))).train()
    truth = torch.rand(2, 1, 32, 32) + 1
    sparse = torch.where(torch.rand(2, 1, 32, 32) < 0.2, truth, 0.0)
    valid = torch.rand(2, 1, 32, 32) < 0.5
    valid[1] = False  # a whole frame
    grads = []
    for filler in (0.0, torch.nan):
        network.zero_grad()
        loss = sparse_loss(*network(sparse), torch.where(valid, truth, filler), valid=valid,
                           weights=SparseLossWeights(mse=1.0))
        loss.backward()
        assert torch.isfinite(loss)
        grads.append(torch.cat([weights.grad.flatten() for weights in network.parameters()]))
    assert torch.isfinite(grads[0]).all() and torch.equal(*grads) and grads[0].any()


def test_confidence_learns_what_is_within_five_percent():
    target = torch.ones(1, 1, 8, 8)
    valid = torch.ones_like(target, dtype=torch.bool)
    for depth, right in ((1.04, True), (1.06, False), (0.96, True), (0.94, False)):
        sure, unsure = (float(sparse_losses.confidence_loss(said(depth * target, value), target, valid))
                        for value in (3.0, -3.0))
        assert (sure < unsure) == right


# --- VGG-16


@pytest.fixture
def vgg_file(tmp_path):
    torch.manual_seed(0)
    weights = {}
    for number, (inputs, outputs) in vgg.LAYERS.items():
        weights[f'features.{number}.weight'] = torch.randn(outputs, inputs, 3, 3) / (3 * inputs ** 0.5)
        weights[f'features.{number}.bias'] = torch.randn(outputs)
    weights['classifier.0.weight'] = torch.zeros(2, 2)  # and more that is not needed
    path = tmp_path / vgg.FILE
    torch.save(weights, path)
    return path, weights


def test_features_are_those_of_the_published_layers(vgg_file):
    path, weights = vgg_file
    image = torch.rand(1, 3, 16, 24)
    x = (image - torch.tensor(vgg.MEAN).view(3, 1, 1)) / torch.tensor(vgg.STD).view(3, 1, 1)
    for number in vgg.LAYERS:
        if number in (5, 10):
            x = torch.nn.functional.max_pool2d(x, 2)
        x = torch.nn.functional.conv2d(x, weights[f'features.{number}.weight'],
                                       weights[f'features.{number}.bias'], padding=1)
        x = x if number == 10 else x.relu()
    features = vgg.load(path)
    torch.testing.assert_close(features(image), x)
    assert x.shape == (1, 256, 4, 6) and not any(p.requires_grad for p in features.parameters())


def test_weights_are_found_in_the_cache_of_torch_or_the_term_is_off(vgg_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    target = 1 + torch.rand(1, 1, 16, 16)
    valid = torch.ones_like(target, dtype=torch.bool)

    def loss(weight, depth, path=''):
        sparse_losses.perceptual.cache_clear()
        weights = SparseLossWeights(ratio=0, log=0, first=0, mse=1.0, vgg=weight, vgg_weights=path)
        return float(sparse_loss(said(target), said(depth), target, valid=valid, weights=weights))

    off = 1.2 * target
    without = loss(0.0, off)
    assert loss(1.0, off) == without and 'loss.vgg is off: no weights of VGG-16' in capsys.readouterr().out
    assert loss(1.0, off, str(vgg_file[0])) > without + 1e-6
    cache = tmp_path / 'torch' / 'hub' / 'checkpoints'
    cache.mkdir(parents=True)
    (cache / vgg.FILE).write_bytes(vgg_file[0].read_bytes())
    assert loss(1.0, off) == loss(1.0, off, str(vgg_file[0])) and not capsys.readouterr().out
    assert loss(1.0, target) == pytest.approx(loss(0.0, target), abs=1e-6)
    sparse_losses.perceptual.cache_clear()


def test_wrong_weights_are_said(tmp_path, vgg_file):
    with pytest.raises(FileNotFoundError, match=r'none\.pth: no such file; expected the weights of VGG-16'):
        vgg.weights_file(str(tmp_path / 'none.pth'))
    (tmp_path / 'broken.pth').write_bytes(b'no weights')
    with pytest.raises(ValueError, match=r'broken\.pth: not a file of weights'):
        vgg.load(tmp_path / 'broken.pth')
    torch.save({**vgg_file[1], 'features.7.weight': torch.zeros(3)}, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'features\.7\.weight is missing or of another shape'):
        vgg.load(tmp_path / 'other.pth')


# --- runs


@pytest.fixture(scope='module')
def tiny(boxes, tmp_path_factory):
    source = f'[{{kind: rgbd, path: "{boxes}"}}]'
    path = tmp_path_factory.mktemp('config') / 'tiny.yaml'
    path.write_text(f"""
network: {{kind: sparse_depth, rgb: true, channels: [8, 8, 8], confidence_channels: 4}}
data: {{batch: 2, height: 32, width: 64, validation_views: 3, workers: 0, sources: {source},
       validation_sources: {source}}}
optimizer: {{warmup_steps: 2, learning_rate: 3e-3}}
trainer: {{steps: {STEPS}, checkpoint_every: 4, validate_every: 6, log_every: 2, pictures: 1}}
""")
    return str(path)


def figures(out):
    entries = [json.loads(line) for line in (out / 'log.jsonl').read_text().splitlines()]
    return [{key: value for key, value in entry.items() if key not in FOR_TIME}
            for entry in entries if 'event' not in entry]


@pytest.mark.parametrize('name', ['sparse_depth', 'sparse_depth_rgb'])
def test_shipped_configs(name):
    config = config_files.load(name)
    assert config.kind == 'sparse_depth' and config.network.rgb == name.endswith('rgb')
    assert {source.kind for source in config.data.sources} == {'world'}
    assert config_files.parse(name, config_files.resolved(config)) == config


@pytest.mark.parametrize('rgb', ['false', 'true'])
def test_a_network_of_the_shipped_size_learns_a_batch_by_heart(boxes, rgb):
    source = f'[{{kind: rgbd, path: "{boxes}"}}]'
    config = config_files.load('sparse_depth', [
        f'network.rgb={rgb}', f'data.sources={source}', 'data.height=64', 'data.width=64',
        'trainer.overfit_steps=80'])
    first, last = checks.check_overfits(config)
    assert last < first / 2


def test_a_run_that_is_killed_goes_on_and_ends_as_if_nothing_had_been(tiny, tmp_path):
    pytest.importorskip('lightning.pytorch')
    pytest.importorskip('tensorboard')
    from safetensors.torch import load_file

    from depth_models.estimators.prepared import load
    from depth_models.networks.sparse_networks import KINDS
    from depth_models.training.running import train
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    made = train(config_files.load(tiny), whole, check=False)
    cli.main(['train', 'sparse_depth', '--config', tiny, '--out', str(killed), '--skip-checks'])
    # as if it had been killed between step 8 and the end
    (killed / 'checkpoints' / 'step_00000012.ckpt').unlink()
    (killed / 'tiny.safetensors').unlink()
    assert (killed / 'checkpoints' / 'step_00000008.ckpt').exists()
    again = train(config_files.load(tiny), killed, check=False)
    one, two = load_file(made), load_file(again)
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    assert figures(killed) == figures(whole)
    assert all(np.isfinite(value) for entry in figures(whole) for value in entry.values())
    last = [entry for entry in figures(whole) if 'rmse_2' in entry][-1]
    assert last['step'] == STEPS
    assert last['rmse_ratio'] == pytest.approx(last['rmse_2'] / last['rmse_1'], rel=0.3)
    network, notes = load(str(made), KINDS)
    assert network.config.rgb and notes['config_name'] == 'tiny'


def test_validation_judges_every_stage(data, tiny):
    task, config = SparseDepthTask(), config_files.load(tiny)
    batch = validation_batches(task, data)[0]
    network = SparseDepth(SparseDepthConfig(rgb=True, channels=(8, 8, 8))).eval()
    with torch.no_grad():
        found = list(task.judge(network, batch, config))
        sheets = list(task.sheets(network, batch, range(2), config, 'step 3'))
    assert len(found) == len(batch.valid) and found[0].shape == (2, len(task.figures(config)))
    values = dict(zip(task.figures(config), found[0][0].tolist()))
    first = network(batch.sparse[:1], batch.image[:1], batch.doubt[:1])[0].depth.detach()
    error = (first - batch.depth[:1])[batch.valid[:1]].square().mean().sqrt()
    assert values['rmse_1'] == pytest.approx(float(error), rel=1e-4) and 0 < values['d1_2'] <= 1
    assert len(sheets) == 2 and sheets[0].dtype == np.uint8 and sheets[0].ndim == 3


def test_sources_are_checked(boxes):
    config = config_files.load('sparse_depth', [f'data.sources=[{{kind: rgbd, path: "{boxes}"}}]',
                                                'data.height=64', 'data.width=64'])
    assert 'depth of ' in SparseDepthTask().check_source(config, 0)
    with pytest.raises(ValueError, match=r'lie up to data\.max_depth = 0\.5 m'):
        SparseDepthTask().check_source(replace(config, data=replace(config.data, max_depth=0.5)), 0)

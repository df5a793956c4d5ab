"""The views of a step, what is made of them, and the checks that stop a run on wrong ones."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip('yaml')
torch = pytest.importorskip('torch')

from depth_folders import WALL, write_views

from depth_models.data.depth_datasets import GeneratedViews
from depth_models.data.depth_datasets.kept import Kept, KeptOnDisk
from depth_models.data.samples import DepthSample
from depth_models.frames import Camera
from depth_models.training import checks, config_files, mono_checks
from depth_models.training.batches import validation_batches
from depth_models.training.config import SourceConfig
from depth_models.training.mono_augment import augmented, covering, cropped, relit, turned
from depth_models.training.mono_batches import Views
from depth_models.training.mono_config import MonoAugmentConfig, MonoDataConfig
from depth_models.training.mono_task import MonoUNetTask

SMALL = ['data.height=64', 'data.width=64', 'trainer.overfit_steps=30']


def ramp(size=(60, 100)):
    """A view whose red channel is its columns, green its rows, and depth 1 m and their sum in cm."""
    rows, columns = np.indices(size)
    image = np.stack([columns, rows, np.zeros(size)], 2).astype(np.uint8)
    return DepthSample(image, (1 + 0.01 * (rows + columns)).astype(np.float32))


def fits(sample, off=2.5):
    """Whether depth is that of the image's pixels; up to `off` px along both axes together: the image is
    rounded to levels, depth is that of the nearest pixel."""
    red, green = sample.image[..., 0].astype(float), sample.image[..., 1].astype(float)
    known = np.isfinite(sample.depth)
    return known.any() and np.abs(100 * (sample.depth - 1) - red - green)[known].max() <= off


@pytest.fixture
def folder(tmp_path):
    return write_views(tmp_path / 'boxes')


@pytest.fixture
def data(folder):
    source = SourceConfig('rgbd', path=folder)
    return MonoDataConfig(sources=(source,), validation_sources=(source,), batch=4, height=64, width=64,
                          validation_views=5, workers=0)


def relit_often(image, **options):
    config = MonoAugmentConfig(**{'light': 0.8, **options})
    return np.array([relit(np.random.default_rng([9, k]), image, config) for k in range(200)], float)


def test_other_light_changes_exposure_and_colours_either_way():
    image = np.tile(np.array([[[120, 90, 80], [60, 80, 95]]], np.uint8), (8, 8, 1))
    draws = relit_often(image, colours=2.6)
    bright = draws.mean((1, 2, 3)) / image.mean()
    assert bright.min() < 0.7 and bright.max() > 1.4 and np.median(bright) == pytest.approx(1.0, abs=0.1)
    # how far red over blue of the two halves lies apart, which white balance moves together
    apart = np.ptp((draws[..., 0] - draws[..., 2]).mean(1)[:, :2], axis=1) / bright
    assert apart.min() < 30 and apart.max() > 120 and 75 < np.median(apart) < 130  # it was 75
    grey = relit_often(image)
    assert np.median(np.ptp((grey[..., 0] - grey[..., 2]).mean(1)[:, :2], axis=1)) < 60
    np.testing.assert_allclose(relit(np.random.default_rng(9), image, MonoAugmentConfig()), image, atol=1)


def test_a_gamma_below_one_gives_dark_things_more_of_their_colours():
    image = np.tile(np.array([[[30, 20, 10], [240, 215, 190]]], np.uint8), (8, 8, 1))

    def of_dark_and_bright(gamma):
        strength = np.ptp(relit_often(image, gamma=gamma).mean(1), axis=-1)[:, :2]
        return np.median(strength, axis=0)

    plain, raised = of_dark_and_bright(1.0), of_dark_and_bright(0.5)
    assert raised[0] > 1.5 * plain[0] and raised[1] < plain[1]


# --- views


def test_a_view_depends_on_seed_step_and_number_only(data):
    whole = Views(data).batch(7, range(4))
    parts = [Views(data).batch(7, range(start, start + 2)) for start in (0, 2)]
    assert torch.equal(torch.cat([part.image for part in parts]), whole.image)
    assert torch.equal(torch.cat([part.depth for part in parts]), whole.depth)
    others = [Views(data).batch(8, range(4)), Views(replace(data, seed=2)).batch(7, range(4))]
    images = [image.numpy().tobytes() for batch in (whole, *others) for image in batch.image]
    assert len(set(images)) == 12


def test_unknown_depth_is_not_valid_and_the_rest_is_in_m(data):
    batch = Views(replace(data, sources=(replace(data.sources[0], augment=False),))).batch(0, range(4))
    assert batch.image.shape == (4, 64, 64, 3) and batch.image.dtype == torch.uint8
    assert (~batch.valid[:, :, :2]).all() and batch.valid[:, :, 4:].all()
    assert (batch.depth[~batch.valid] == 0).all() and torch.isfinite(batch.depth).all()
    assert batch.depth.max() == WALL and 1 <= batch.depth[batch.valid].min() < 3


def test_sources_get_their_share(tmp_path, data):
    near = SourceConfig('rgbd', weight=3.0, path=write_views(tmp_path / 'near', in_metres=500.0))
    mixed = Views(replace(data, batch=40, sources=(*data.sources, near))).batch(0, range(40))
    assert 22 <= (mixed.depth.flatten(1).max(1).values == WALL / 2).sum() <= 37  # 30 of 40


def test_validation_takes_the_views_as_they_are_whatever_the_seed(data):
    one, other = (validation_batches(MonoUNetTask(), replace(data, seed=seed)) for seed in (1, 2))
    assert [len(batch.image) for batch in one] == [4, 1]
    assert all(torch.equal(a.image, b.image) for a, b in zip(one, other))
    assert all((~batch.valid[:, :, :2]).all() and batch.valid[:, :, 4:].all() for batch in one)  # not turned


def test_a_data_set_that_is_split_is_trained_and_validated_on_its_parts(tmp_path):
    for place, wall in (('sync/kitchen', 2.0), ('official_splits/test/kitchen', 3.0)):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / 'rgb_00001.jpg'), np.full((64, 64, 3), 90, np.uint8))
        cv2.imwrite(str(folder / 'sync_depth_00001.png'), np.full((64, 64), 1000 * wall, np.uint16))
    source = SourceConfig('nyu_folders', path=str(tmp_path))
    data = MonoDataConfig(sources=(source,), validation_sources=(source,), batch=2, height=64, width=64,
                          validation_views=2)
    task = MonoUNetTask()
    trained, (validated,) = task.open(data)(0, range(2)), validation_batches(task, data)
    assert trained.depth[trained.valid].unique().tolist() == [2.0]
    assert validated.depth[validated.valid].unique().tolist() == [3.0]


def test_generated_views_are_drawn_and_their_sky_is_unknown():
    pytest.importorskip('embreex', reason='worlds are ray-cast by embreex (pip install depth_nodes[train])')
    data = MonoDataConfig(batch=2, height=32, width=32)
    views = Views(data)
    batches = [views.batch(3, range(2)), views.batch(3, range(2)), Views(data).batch(3, range(2))]
    for other in batches[1:]:  # from memory, and drawn by another process
        assert torch.equal(batches[0].image, other.image) and torch.equal(batches[0].depth, other.depth)
    assert batches[0].valid.any() and batches[0].depth.max() < 2000


def test_as_many_different_generated_views_as_is_said_and_none_of_the_validation():
    pytest.importorskip('embreex', reason='worlds are ray-cast by embreex (pip install depth_nodes[train])')
    still = MonoAugmentConfig(horizontal_flip=0.0, largest_rotation=0.0)
    data = MonoDataConfig(batch=12, height=32, width=32, views=3, augment=still)
    seen, validated = ({image.numpy().tobytes() for image in Views(config).batch(0, range(12)).image}
                       for config in (data, data.for_validation()))
    assert len(seen) == 3 and len(validated) == 3 and not seen & validated
    another = Views(replace(data, seed=2)).batch(0, range(12)).image
    assert not seen & {image.numpy().tobytes() for image in another}


class Counted:
    """Samples that count how often they are made."""

    def __init__(self):
        self.made = []

    def __len__(self):
        return 5

    def __getitem__(self, index):
        self.made.append(index)
        return replace(ramp(), camera=Camera(100, 60, 80.0, 80.0, 50.0, 30.0))


def test_a_sample_is_made_when_it_is_asked_for_and_once():
    samples = Counted()
    kept = Kept(samples)
    assert len(kept) == 5 and samples.made == []
    assert kept[3] is kept[3] and kept[1] is not kept[3]
    assert samples.made == [3, 1] and kept[3].camera is None and fits(kept[3])
    with pytest.raises(ValueError, match='read-only'):
        kept[3].image[0, 0] = 0
    assert fits(augmented(np.random.default_rng(0), kept[3], MonoAugmentConfig()))


VIEWS = GeneratedViews(6, seed=3, size=(32, 48))


def drawn(kept):
    return len(kept) - len(kept.missing())


def test_generated_views_are_kept_on_a_disk_for_later_runs_and_other_processes(tmp_path):
    pytest.importorskip('embreex')
    kept = KeptOnDisk(VIEWS, tmp_path)
    assert kept.missing() == list(range(6))
    first = kept[2]
    np.testing.assert_array_equal(first.image, VIEWS[2].image)
    np.testing.assert_array_equal(first.depth, VIEWS[2].depth)
    assert drawn(kept) == 1 and first.camera is None
    with pytest.raises(ValueError, match='read-only'):
        first.image[0, 0] = 0
    kept.fill(2)
    later = KeptOnDisk(VIEWS, tmp_path)
    assert later.missing() == []
    for index in range(6):
        np.testing.assert_array_equal(later[index].depth, VIEWS[index].depth)
    longer = KeptOnDisk(replace(VIEWS, count=9), tmp_path)  # the same ones, and more
    assert longer.missing() == [6, 7, 8]
    assert kept.missing() == []
    other = KeptOnDisk(replace(VIEWS, seed=4), tmp_path)
    assert drawn(other) == 0 and other.folder != kept.folder


def test_a_training_draws_all_that_it_keeps_before_it_begins(tmp_path):
    pytest.importorskip('embreex')
    data = config_files.load('mono_unet', [
        *SMALL, 'data.views=3', 'data.rendered=[64, 96]', f'data.kept={tmp_path}',
        'data.scenes={inside: 1, room: 0, table: 0, outdoors: 0, floating: 0, home: 0}']).data
    MonoUNetTask().warm_up(data)
    views = Views(data)
    assert isinstance(views.samples[0], KeptOnDisk) and views.samples[0].missing() == []
    assert views.samples[0][0].image.shape == (64, 96, 3)
    assert views.batch(0, range(2)).image.shape == (2, 64, 64, 3)


def test_a_size_to_render_at_has_two_numbers():
    with pytest.raises(ValueError, match='rendered must be a height and a width'):
        config_files.load('mono_unet', ['data.rendered=[224]'])


def test_where_things_lie_and_what_came_later_do_not_make_it_another_training():
    base = config_files.sha256(config_files.load('sparse_depth'))
    assert base == config_files.sha256(config_files.load('sparse_depth', ['data.kept=/some/where']))
    assert base == config_files.sha256(config_files.load('sparse_depth', ['data.furniture=/some/where']))
    assert base != config_files.sha256(config_files.load('sparse_depth', ['data.rendered=[96, 96]']))
    assert base != config_files.sha256(config_files.load('sparse_depth', ['data.scenes.home=1']))


# --- what is made of them


@pytest.mark.parametrize('size', [(30, 40), (48, 48), (90, 200), (60, 100)])
def test_a_view_that_covers_is_not_stretched(size):
    sample = covering(ramp(), size)
    height, width = sample.depth.shape
    assert height >= size[0] and width >= size[1] and (height == size[0] or width == size[1])
    assert height / width == pytest.approx(0.6, rel=0.02)
    assert fits(sample)


def test_a_turned_view_keeps_its_depth_and_has_none_in_the_corners():
    sample = turned(ramp(), 15.0)
    assert np.isnan(sample.depth[0, 0]) and np.isnan(sample.depth[-1, -1])
    assert np.isfinite(sample.depth[20:40, 20:80]).all()
    assert fits(sample)
    assert not np.array_equal(sample.image, ramp().image)


def test_views_are_flipped_and_turned_as_often_as_is_said():
    config = MonoAugmentConfig(horizontal_flip=0.5, largest_rotation=10.0)
    made = [augmented(np.random.default_rng(seed), ramp(), config) for seed in range(40)]
    assert all(fits(sample) for sample in made)
    flipped = sum(int(sample.image[30, 20, 0]) > int(sample.image[30, 80, 0]) for sample in made)
    assert 12 <= flipped <= 28
    still = MonoAugmentConfig(horizontal_flip=0.0, largest_rotation=0.0)
    assert np.array_equal(augmented(np.random.default_rng(1), ramp(), still).depth, ramp().depth)


def test_another_light_changes_the_image_and_never_the_depth():
    still = {'horizontal_flip': 0, 'largest_rotation': 0}
    made = [augmented(np.random.default_rng(seed), ramp(), MonoAugmentConfig(**still, light=0.6))
            for seed in (1, 1, 2)]
    assert all(np.array_equal(sample.depth, ramp().depth, equal_nan=True) for sample in made)
    assert np.array_equal(made[0].image, made[1].image)
    assert (made[0].image != made[2].image).any() and (made[0].image != ramp().image).any()
    plain = augmented(np.random.default_rng(1), ramp(), MonoAugmentConfig(**still))
    assert np.array_equal(plain.image, ramp().image)
    with pytest.raises(ValueError, match='light must lie in 0 to 1'):
        MonoAugmentConfig(light=2)
    with pytest.raises(ValueError, match=r'gamma must lie in 0\.2 to 5, got 0'):
        MonoAugmentConfig(gamma=0)


def test_crops_reach_all_of_a_view():
    corners = {tuple(cropped(np.random.default_rng(seed), ramp((33, 34)), (32, 32)).image[0, 0, :2])
               for seed in range(60)}
    assert corners == {(column, row) for column in range(3) for row in range(2)}


# --- checks


def mono(path, *more):
    return config_files.load('mono_unet', [
        *SMALL, f'data.sources=[{{kind: rgbd, path: "{path}"}}]', *more])


def test_true_views_and_the_network_pass(folder, capsys):
    checks.check(mono(folder))
    said = capsys.readouterr().out.splitlines()
    assert f'check: rgbd {folder}: depth of' in said[0] and 'mean gradient at its edges' in said[0]
    assert said[1].startswith('check: loss on one batch')


@pytest.mark.parametrize(('wrong', 'says'), [
    ({'shuffled': True}, 'edges of depth are not those of the images'),
    ({'in_metres': 10_000.0}, r'0 % of the known depths lie up to network\.max_depth = 10 m'),
    ({'in_metres': 2.0}, r'their median is 0\.00\d* m; are they in m\?')])
def test_wrong_depth_is_named(tmp_path, wrong, says):
    with pytest.raises(ValueError, match=rf'data\.sources\[0\] \(rgbd .*{says}'):
        mono_checks.check_source(mono(write_views(tmp_path, **wrong)), 0)


def test_edges_are_compared_with_those_of_other_views():
    def boxes(at):
        depth = np.full((64, 64), 4.0, np.float32)
        depth[10:30, at:at + 20] = 1.0
        return depth, np.repeat((200 / depth).astype(np.uint8)[..., None], 3, axis=2)

    true = [DepthSample(image, depth) for depth, image in map(boxes, (3, 30))]
    strength = mono_checks.edge_strength(true)
    assert strength is not None and strength.itself > 3 * max(strength[1:])
    wrong = mono_checks.edge_strength([DepthSample(true[1].image, true[0].depth),
                                       DepthSample(true[0].image, true[1].depth)])
    assert wrong is not None and wrong.itself < wrong.next
    flat = [DepthSample(sample.image, np.full((64, 64), 2, np.float32)) for sample in true]
    assert mono_checks.edge_strength(flat) is None


def test_a_network_that_does_not_learn_is_said_so(folder):
    with pytest.raises(ValueError, match=r'does not learn .* in 2 steps'):
        checks.check_overfits(mono(folder, 'trainer.overfit_steps=2', 'trainer.overfit_factor=50'))

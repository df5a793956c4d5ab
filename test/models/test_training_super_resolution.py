"""Training of depth super-resolution: what a step is fed with, its losses, runs that stop and go on."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip('yaml')
torch = pytest.importorskip('torch')

from depth_folders import write_views

from depth_models import cli
from depth_models.data.degradation import CLEAN, SENSOR, cell_means
from depth_models.evaluation import depth_metrics
from depth_models.networks.depth_gan import DepthGAN, DepthGANConfig
from depth_models.networks.guided_super_resolution import GuidedConfig, GuidedSuperResolution
from depth_models.networks.low_res import UpscaledOutput
from depth_models.training import checks, config_files, map_losses
from depth_models.training.batches import validation_batches
from depth_models.training.config import SourceConfig
from depth_models.training.depth_discriminator import (
    DepthDiscriminator,
    discriminator_loss,
    generator_term,
    to_be_judged,
)
from depth_models.training.super_resolution_batches import DepthViews, GuidedViews, drawn, inverted
from depth_models.training.super_resolution_config import (
    DegradingConfig,
    DepthGANDataConfig,
    FlipConfig,
    GuidedDataConfig,
    RelativeConfig,
)
from depth_models.training.super_resolution_losses import (
    DepthGANLossWeights,
    GuidedLossWeights,
    depth_gan_loss,
    guided_loss,
    near_edges,
    sobel_error,
    total_variation,
)
from depth_models.training.super_resolution_relative import drawn_relative
from depth_models.training.super_resolution_task import DepthGANTask, GuidedTask

FOR_TIME = ('seconds_per_step', 'waiting_for_data')
PURE = {'augment': FlipConfig(inverse=0.0), 'degrading': DegradingConfig(clean=1.0)}
STEPS = 12


@pytest.fixture(scope='module')
def boxes(tmp_path_factory):
    return write_views(tmp_path_factory.mktemp('upscaling') / 'boxes')


def settings(boxes):
    source = SourceConfig('rgbd', path=boxes)
    return {'sources': (source,), 'validation_sources': (source,), 'batch': 4, 'height': 64, 'width': 64,
            'view_height': 72, 'view_width': 96, 'validation_views': 9, 'workers': 0}


@pytest.fixture
def data(boxes):
    return DepthGANDataConfig(**settings(boxes))


@pytest.fixture
def guided(boxes):
    return GuidedDataConfig(**settings(boxes))


# --- maps


def test_batches_depend_on_seed_step_and_numbers_only(data, guided):
    for views, config in ((lambda c: DepthViews(c).upscaling_batch, data),
                          (lambda c: GuidedViews(c).guided_batch, guided)):
        whole = views(config)(7, range(4))
        parts = [views(config)(7, range(start, start + 2)) for start in (0, 2)]
        for name, of_both in zip(whole._fields[:-1], zip(*parts)):
            assert torch.equal(getattr(whole, name), torch.cat(of_both))
        other = views(replace(config, seed=2))(7, range(4))
        assert not torch.equal(whole.low_res, other.low_res)
        assert whole.depth.shape == (4, 1, 64, 64) == whole.valid.shape
        assert torch.isfinite(whole.low_res).all()


def test_what_is_clean_is_the_mean_of_cells(data):
    batch = DepthViews(replace(data, **PURE)).upscaling_batch(3, range(4))
    for low_res, depth, valid in zip(batch.low_res[:, 0], batch.depth[:, 0], batch.valid[:, 0]):
        truth = np.where(valid, depth, np.nan).astype(np.float32)
        np.testing.assert_array_equal(np.nan_to_num(cell_means(truth, 4)), low_res.numpy())
    assert batch.low_res.shape == (4, 1, 16, 16) and 0.8 < batch.valid.float().mean() < 1


def test_crops_come_from_everywhere_and_are_turned(data):
    views = DepthViews(replace(data, **PURE))
    crops = [views.crop(np.random.default_rng(seed)) for seed in range(60)]
    assert {crop.flips for crop in crops} == {(a, b) for a in (False, True) for b in (False, True)}
    assert len({(crop.window[0].start, crop.window[1].start) for crop in crops}) > 30
    crop = next(crop for crop in crops if crop.flips == (True, False))
    np.testing.assert_array_equal(crop.of(crop.view.depth), crop.view.depth[crop.window][::-1])
    np.testing.assert_array_equal(crop.of(crop.view.image), crop.view.image[crop.window][::-1])
    as_it_is = replace(data, sources=(replace(data.sources[0], augment=False),))
    assert not any(any(DepthViews(as_it_is).crop(np.random.default_rng(seed)).flips) for seed in range(10))


def test_half_of_the_maps_are_inverse(data):
    views, inverse = DepthViews(replace(data, degrading=DegradingConfig(clean=1.0))), 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        low_res, truth, depth = views.maps(rng, views.crop(rng), 4)
        known = np.isfinite(truth)
        np.testing.assert_array_equal(known, np.isfinite(depth))
        assert (truth[known] > 0).all() and np.median(truth[known]) == pytest.approx(np.median(depth[known]))
        inverse += not np.array_equal(truth[known], depth[known])
        np.testing.assert_array_equal(low_res, cell_means(truth, 4))
    assert 10 < inverse < 30
    assert np.isnan(inverted(np.full((4, 4), np.nan, np.float32))).all()


def test_nothing_beyond_the_largest_depth_is_seen_or_asked_for(data):
    batch = DepthViews(replace(data, max_depth=3.5, **PURE)).upscaling_batch(0, range(4))
    assert batch.depth.max() <= 3.5 and batch.low_res.max() <= 3.5
    assert 0.02 < batch.valid.float().mean() < 0.8  # the wall is at 4 m


def test_of_a_view_of_which_no_cell_is_given_nothing_is_asked_for(data):
    views = DepthViews(replace(data, **PURE))
    crop = views.crop(np.random.default_rng(0))
    dots = np.full_like(crop.view.depth, np.nan)
    dots[::4, ::4] = 2.0
    low_res, truth, _ = views.maps(np.random.default_rng(0), crop._replace(
        view=replace(crop.view, depth=dots)), 4)
    assert np.isnan(low_res).all() and np.isnan(truth).all()


def test_degradations_are_drawn_up_to_a_bit_beyond_those_that_are_judged():
    found = [drawn(np.random.default_rng(seed), DegradingConfig()) for seed in range(400)]
    wrong = [one for one in found if one != CLEAN]
    assert 0.4 < len(wrong) / len(found) < 0.65  # half of them; a few that could be wrong are clean too
    for name in ('gaussian', 'quadratic', 'step', 'holes', 'bleeding'):
        values = np.array([getattr(one, name) for one in wrong])
        assert values.min() == 0 and values.max() > getattr(SENSOR, name)
        assert 0.55 < (values > 0).mean() < 0.85
    assert {one.inverse_steps for one in wrong} == {True, False}


def test_where_edges_bleed_cells_are_missing_too():
    found = [drawn(np.random.default_rng(seed), DegradingConfig(clean=0.0, each=1.0, sensor=0.3))
             for seed in range(400)]
    of_sensors = [one.holes > 0 for one in found]
    assert of_sensors == [one.bleeding > 0 for one in found] and 0.22 < np.mean(of_sensors) < 0.38
    assert all(one.gaussian > 0 and one.step > 0 for one in found)


# --- what guides


def test_all_maps_of_a_step_have_one_factor_and_validation_keeps_them_apart(guided):
    views = GuidedViews(guided)
    assert views.guided_batch(0, range(2)).low_res.shape == (2, 1, 16, 16)
    assert views.guided_batch(1, range(2)).low_res.shape == (2, 1, 8, 8)
    of_ranks = [validation_batches(GuidedTask(), guided, rank, 2) for rank in range(2)]
    alone = validation_batches(GuidedTask(), guided)
    assert [len(batch.valid) for batch in alone] == [4, 4, 1]
    assert sum(int(batch.valid.flatten(1).any(1).sum()) for batches in of_ranks for batch in batches) == 9
    assert torch.equal(of_ranks[1][0].depth, alone[0].depth[1::2])


def test_relative_depth_of_a_network_is_that_of_the_image_and_found_once(guided, monkeypatch):
    from depth_models.estimators.relative_depth import RelativeDepth
    asked = []
    compute = RelativeDepth.compute
    monkeypatch.setattr(RelativeDepth, 'compute', lambda self, image: (
        asked.append(image), compute(self, image))[1])
    views = GuidedViews(replace(guided, relative=RelativeConfig(drawn=0.0)))
    batch = views.guided_batch(0, range(4))
    views.guided_batch(0, range(4))
    numbers = [views.crop(views.stream(0, index)).number for index in range(4)]
    assert len(asked) == len(set(numbers)) and not batch.drawn.any()
    for index in range(4):
        crop = views.crop(views.stream(0, index))
        whole = compute(views.frozen._network, crop.view.image)
        np.testing.assert_allclose(batch.relative[index, 0], crop.of(whole / np.median(whole)), rtol=2e-3)


def test_relative_depth_from_the_truth_is_near_where_that_is_and_wrong_otherwise():
    truth = np.full((64, 96), 6.0, np.float32)
    truth[:, 40:] = 2.0
    truth[:4] = np.nan
    made = [drawn_relative(np.random.default_rng(seed), truth, RelativeConfig()) for seed in range(30)]
    steps = [relative[8:, 60:].mean() - relative[8:, :20].mean() for relative in made]
    assert min(steps) > 0.2 and np.std(steps) > 0.05  # of another curve each
    assert np.mean([relative[8:, 60:].std() for relative in made]) > 0.01
    widths = [np.abs(np.diff(relative[40])).max() for relative in made]
    assert max(widths) > 3 * min(widths)  # some are blurred
    exact = drawn_relative(np.random.default_rng(0), truth, RelativeConfig(
        most_blur=0.0, most_curve=0.0, most_noise=0.0))
    np.testing.assert_allclose(exact[4:], 2 / truth[4:], rtol=1e-5)
    assert (exact[:4] == 0).all()
    unknown = drawn_relative(np.random.default_rng(0), np.full((8, 8), np.nan, np.float32), RelativeConfig())
    assert not unknown.any()


def test_depth_alone_is_rendered_as_it_is_with_colours():
    pytest.importorskip('embreex')
    from depth_models.data.depth_datasets import GeneratedViews
    seen, unseen = (GeneratedViews(3, 5, (48, 64), colours=colours)[1] for colours in (True, False))
    np.testing.assert_array_equal(seen.depth, unseen.depth)
    assert seen.image.any() and not unseen.image.any() and unseen.image.shape == (48, 64, 3)


@pytest.mark.parametrize('kind, wrong, says', [
    ('depth_gan', 'data={degrading: {holes: 2}}', 'holes must be a share in 0 to 1, got 2'),
    ('depth_gan', 'data={augment: {largest_rotation: 5}}', 'largest_rotation must be 0 for super-resolution'),
    ('depth_gan', 'data={augment: {inverse: -1}}', 'inverse must be a share'),
    ('depth_gan', 'data={view_height: 128}', r'view_height must be at least height \(256 px\), got 128'),
    ('depth_gan', 'data={max_depth: 0}', 'max_depth must be over 0 m'),
    ('depth_gan', 'data={max_depth: 301}', r'data.max_depth must be at most network.largest \(300 m\)'),
    ('depth_gan', 'data={factor: 8}', r'data.factor must be network.factor \(4\), got 8'),
    ('depth_gan', 'data={factor: 3}', 'factor must be one of 2, 4, 8, got 3'),
    ('depth_gan', 'optimizer={loss: {ratio: 0, log: 0, gan: 1}}', 'one of the first four above'),
    ('depth_gan', 'optimizer={discriminator_learning_rate: 0}', 'discriminator_learning_rate must be over 0'),
    ('depth_gan', 'optimizer={loss: {gan_form: hinge}}', 'must be one of saturating, non_saturating'),
    ('guided_super_resolution', 'data={factors: [4, 5]}', 'factors must be some of 2, 4, 8'),
    ('guided_super_resolution', 'data={relative: {drawn: 3}}', 'drawn must be a share'),
    ('guided_super_resolution', 'data={relative: {most_blur: -1}}', 'most_blur must lie in 0 to 20'),
    ('guided_super_resolution', 'data={relative: {trained: true}}', 'trained must be false'),
    ('guided_super_resolution', 'data={most_displacement: 30}', 'most_displacement must lie in 0 to 20 px'),
    ('guided_super_resolution', 'optimizer={loss: {l1: 0, sobel: 0}}', 'one of them above'),
    ('guided_super_resolution', 'optimizer={relative_learning_rate: 0}', 'learning_rate must be over 0'),
])
def test_configs_are_checked(kind, wrong, says):
    section, value = wrong.split('=', 1)
    with pytest.raises(ValueError, match=says):
        config_files.parse('mine', {'network': {'kind': kind}, section: config_files._yaml(value, 'here')})


# --- losses


def said(depth, confidence=0.0):
    size = depth.shape[-2] // 4, depth.shape[-1] // 4
    return UpscaledOutput(depth, torch.full((len(depth), 1, *size), confidence))


REST = map_losses.CONFIDENCE_WEIGHT * 2 * np.log(2)  # of two confidences that know nothing
OFF = {'ratio': 0.0, 'log': 0.0}


def test_the_ratio_counts_every_frame_alike():
    target = torch.ones(2, 1, 8, 8) * torch.tensor([1.0, 50.0]).view(2, 1, 1, 1)
    valid = torch.ones_like(target, dtype=torch.bool)
    for loss, weights in ((depth_gan_loss, DepthGANLossWeights(log=0)),
                          (guided_loss, GuidedLossWeights(l1=0, sobel=0, ratio=1))):
        for off, expected in ((1.0, 1.0), (0.5, 0.5)):
            found = loss(said(1.2 * target), said((1 + 0.2 * off) * target), target, valid=valid,
                         weights=weights)
            assert float(found) - REST == pytest.approx(expected, rel=0.03)


def test_the_authors_terms_are_there():
    target = 2 * torch.ones(1, 1, 8, 8)
    valid = torch.ones_like(target, dtype=torch.bool)
    valid[..., :4] = False
    off = said(torch.where(valid, 2.2, 99.0))
    mse = depth_gan_loss(off, off, target, valid=valid, weights=DepthGANLossWeights(mse=1.0, **OFF))
    assert float(mse) - REST == pytest.approx(0.01, rel=0.01)  # (0.2 m / 2 m)^2
    ramp = said(2 + 0.2 * torch.arange(8.0).expand(1, 1, 8, 8))
    both = [depth_gan_loss(ramp, ramp, target, valid=valid, weights=DepthGANLossWeights(
        mse=1.0, tv=tv, **OFF)) for tv in (0.0, 3.0)]
    assert float(both[1] - both[0]) == pytest.approx(3 * 0.1, rel=1e-4)  # 0.2 m a pixel in parts of 2 m
    assert float(total_variation(ramp.depth)) == pytest.approx(0.2, rel=1e-4)


def test_the_guided_loss_is_that_of_the_reference():
    torch.manual_seed(0)
    target, depth = 2 + torch.rand(1, 1, 12, 16), 2 + torch.rand(1, 1, 12, 16)
    valid = torch.ones_like(target, dtype=torch.bool)
    gradients = [np.stack([cv2.Sobel(maps[0, 0].numpy(), cv2.CV_32F, *along)[1:-1, 1:-1]
                           for along in ((1, 0), (0, 1))]) for maps in (depth, target)]
    expected = np.abs(gradients[0] - gradients[1]).mean()
    assert float(sobel_error(depth - target, valid)) == pytest.approx(expected, rel=1e-4)
    size = float(target.mean())
    found = guided_loss(said(depth), said(depth), target, valid=valid, weights=GuidedLossWeights())
    unsure = 0.4 * float(map_losses.confidence_loss(said(depth), target, valid))
    l1 = float((depth - target).abs().mean())
    assert float(found) - unsure == pytest.approx((l1 + expected) / size, rel=1e-4)
    valid[..., 8] = False  # no window over it counts
    bad = torch.where(valid, depth, 1e6)
    torch.testing.assert_close(sobel_error(torch.where(valid, bad - target, 0.0), valid),
                               (sobel_error((depth - target)[..., :8], valid[..., :8]) * 6
                                + sobel_error((depth - target)[..., 9:], valid[..., 9:]) * 5) / 11)


def test_edges_of_the_loss_are_those_that_evaluation_judges():
    rng = np.random.default_rng(0)
    depth = np.kron(rng.uniform(1, 4, (3, 1, 5, 6)), np.ones((12, 11))).astype(np.float32)
    depth[rng.random(depth.shape) < 0.1] = np.nan
    depth[2, :, ::2] = np.nan  # points, which have no edges
    valid = torch.isfinite(torch.from_numpy(depth))
    found = near_edges(torch.from_numpy(np.nan_to_num(depth, nan=9.0)), valid)
    for frame in range(3):
        expected = np.isfinite(depth[frame, 0]) & depth_metrics.near_edges(depth[frame, 0])
        np.testing.assert_array_equal(found[frame, 0].numpy(), expected)
    assert found[0].any() and not found[0].all() and not found[2].any()


def test_the_edges_of_every_frame_count_alike_and_nothing_else_does():
    target = torch.ones(3, 1, 16, 32)
    target[0, ..., 16:] = 2.0
    target[1, ..., 16:] = 90.0  # and the third frame has none
    valid = torch.ones_like(target, dtype=torch.bool)
    edges = near_edges(target, valid)
    weights = GuidedLossWeights(l1=0, sobel=0, edges=1)
    first, second = said(1.2 * target), said(torch.where(edges, 1.05 * target, 7 * target))
    unsure = guided_loss(first, second, target, valid=valid, weights=replace(weights, edges=0, ratio=1e-9))
    found = guided_loss(first, second, target, valid=valid, weights=weights)
    assert float(found - unsure) == pytest.approx(0.25, rel=0.03)


@pytest.mark.parametrize('kind', ['depth_gan', 'guided'])
def test_what_is_unknown_never_matters_and_gradients_are_numbers(kind):
    torch.manual_seed(0)
    truth = torch.rand(2, 1, 64, 64) + 1
    low_res = torch.nn.functional.avg_pool2d(truth, 4)
    valid = torch.rand(2, 1, 64, 64) < 0.9
    valid[1] = False  # a whole frame, as of the sky: nothing is given either
    low_res[1] = 0
    if kind == 'depth_gan':
        network = DepthGAN(DepthGANConfig(channels=4, blocks=1)).train()
        inputs = (low_res,)
    else:
        network = GuidedSuperResolution(GuidedConfig(
            patch=4, widths=(4, 4, 4, 4, 4), encoder=(1, 1, 1, 1), middle=1, decoder=(1, 1, 1, 1))).train()
        inputs = (low_res, torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8), 1 / truth)
    grads = []
    for filler in (0.0, torch.nan):
        network.zero_grad()
        target = torch.where(valid, truth, filler)
        if kind == 'depth_gan':
            loss = depth_gan_loss(*network(*inputs), target, valid=valid,
                                  weights=DepthGANLossWeights(mse=1, tv=1))
        else:
            loss = guided_loss(*network(*inputs), target, valid=valid,
                               weights=GuidedLossWeights(ratio=1, edges=1, log=1))
        loss.backward()
        assert torch.isfinite(loss)
        grads.append(torch.cat([weights.grad.flatten() for weights in network.parameters()]))
    assert torch.isfinite(grads[0]).all() and torch.equal(*grads) and grads[0].any()


# --- the discriminator


def test_each_of_the_rivals_learns_from_its_own_term():
    torch.manual_seed(0)
    discriminator = DepthDiscriminator((4, 8)).train()
    made = (1 + 0.1 * torch.rand(3, 1, 32, 32)).requires_grad_()
    true = 1 + torch.rand(3, 1, 32, 32)
    logits = [discriminator(maps.detach()).sigmoid() for maps in (true, made)]
    losses = {'saturating': torch.log(1 - logits[1]).mean(), 'not': -torch.log(logits[1]).mean(),
              'discriminator': -(torch.log(logits[0]) + torch.log(1 - logits[1])).mean()}
    for name, saturating in (('saturating', True), ('not', False)):
        made.grad = None
        term = generator_term(discriminator, made, saturating=saturating)
        term.backward()
        assert term.item() == pytest.approx(losses[name].item(), rel=1e-4) and made.grad.any()
        assert all(parameter.grad is None for parameter in discriminator.parameters())
    made.grad = None
    loss = discriminator_loss(discriminator, true, made)
    loss.backward()
    assert loss.item() == pytest.approx(losses['discriminator'].item(), rel=1e-4) and made.grad is None
    assert all(parameter.grad is not None for parameter in discriminator.parameters())


def test_both_forms_push_what_was_made_towards_what_is_taken_for_true():
    discriminator = DepthDiscriminator((4, 8)).eval()
    made = (1 + 0.1 * torch.rand(2, 1, 32, 32)).requires_grad_()
    for saturating in (True, False):
        made.grad = None
        generator_term(discriminator, made, saturating=saturating).backward()
        after = made.detach() - 1e-2 * made.grad / made.grad.abs().max()
        assert (discriminator(after) > discriminator(made)).all()


def test_where_the_truth_is_unknown_the_discriminator_sees_no_difference():
    depth, target = torch.full((1, 1, 4, 4), 3.0, requires_grad=True), torch.full((1, 1, 4, 4), 2.0)
    valid = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    valid[..., :2] = True
    made, true = to_be_judged(depth, target, valid, torch.tensor([2.0]))
    assert torch.equal(made != true, valid) and true[valid].eq(1).all()
    made.sum().backward()
    assert torch.equal(depth.grad > 0, valid)


def test_a_discriminator_learns_to_tell_what_is_blurred():
    torch.manual_seed(0)
    discriminator = DepthDiscriminator((8, 16)).train()
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-2)
    for _ in range(40):
        true = 0.5 + (torch.rand(8, 1, 8, 8) > 0.5).float().repeat_interleave(4, -1).repeat_interleave(4, -2)
        made = torch.nn.functional.avg_pool2d(true, 5, 1, 2)
        loss = discriminator_loss(discriminator, true, made)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5 * 2 * np.log(2)


# --- runs


def written(path, kind, network, more, boxes, **optimizer):
    source = f'[{{kind: rgbd, path: "{boxes}"}}]'
    settings = json.dumps({'warmup_steps': 2, 'learning_rate': 3e-3, **optimizer})
    path.write_text(f"""
network: {{kind: {kind}, {network}}}
data: {{batch: 2, height: 64, width: 64, view_height: 72, view_width: 96, validation_views: 5, workers: 0,
       sources: {source}, validation_sources: {source}, {more}}}
optimizer: {settings}
trainer: {{steps: {STEPS}, checkpoint_every: 4, validate_every: 6, log_every: 2, pictures: 1}}
""")
    return str(path)


SMALL = ('patch: 4, widths: [4, 4, 4, 4, 4], encoder: [1, 1, 1, 1], middle: 1, decoder: [1, 1, 1, 1]')
KINDS = {
    'depth_gan': ('depth_gan', 'channels: 4, blocks: 1', 'factor: 4', {}),
    'adversarial': ('depth_gan', 'channels: 4, blocks: 1', 'factor: 4', {
        'loss': {'gan': 0.1, 'gan_form': 'non_saturating'}}),
    'super_resolution': ('guided_super_resolution', SMALL, 'factors: [4, 8]', {}),
}


@pytest.fixture(params=KINDS)
def tiny(request, boxes, tmp_path):
    kind, network, more, optimizer = KINDS[request.param]
    return request.param, written(tmp_path / 'tiny.yaml', kind, network, more, boxes, **optimizer)


def figures(out):
    entries = [json.loads(line) for line in (out / 'log.jsonl').read_text().splitlines()]
    return [{key: value for key, value in entry.items() if key not in FOR_TIME}
            for entry in entries if 'event' not in entry]


def test_a_run_that_is_killed_goes_on_and_ends_as_if_nothing_had_been(tiny, tmp_path):
    pytest.importorskip('lightning.pytorch')
    pytest.importorskip('tensorboard')
    from safetensors.torch import load_file

    from depth_models.estimators.prepared import load
    from depth_models.networks.super_resolution_networks import KINDS as NETWORKS
    from depth_models.training.running import train
    name, path = tiny
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    made = train(config_files.load(path), whole, check=False)
    command = 'super_resolution' if name == 'super_resolution' else 'depth_gan'
    cli.main(['train', command, '--config', path, '--out', str(killed), '--skip-checks'])
    # as if it had been killed between step 8 and the end
    (killed / 'checkpoints' / 'step_00000012.ckpt').unlink()
    (killed / 'tiny.safetensors').unlink()
    again = train(config_files.load(path), killed, check=False)
    one, two = load_file(made), load_file(again)
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
    assert figures(killed) == figures(whole)
    assert all(np.isfinite(value) for entry in figures(whole) for value in entry.values())
    last = [entry for entry in figures(whole) if 'rmse_2' in entry][-1]
    assert last['step'] == STEPS and {'rmse_1', 'mape_2', 'rmse_ratio', 'edges_ratio'} <= last.keys()
    _, notes = load(str(made), NETWORKS)
    assert notes['config_name'] == 'tiny' and not any('beside' in key for key in one)
    saved = torch.load(whole / 'checkpoints' / 'step_00000012.ckpt', weights_only=True)
    kept = any('beside' in key for key in saved['state_dict'])
    assert kept == (name == 'adversarial') == ('discriminator' in figures(whole)[0])
    assert len(saved['optimizer_states'][0]['param_groups']) == 1 + kept


def test_what_is_trained_beside_does_not_hold_the_network_back(boxes, tmp_path):
    """Both have their own rate, and gradients of their own length."""
    pytest.importorskip('lightning.pytorch')
    from depth_models.training.module import Training
    from depth_models.training.tasks import make_network
    kind, network, more, optimizer = KINDS['adversarial']
    config = config_files.load(written(tmp_path / 'tiny.yaml', kind, network, more, boxes,
                                       discriminator_learning_rate=5e-4, **optimizer))
    module = Training(make_network(config), config)
    made = module.configure_optimizers()['optimizer']
    assert [group['initial_lr'] for group in made.param_groups] == [3e-3, 5e-4]
    for group, length in zip(made.param_groups, (0.5, 1e3)):
        for parameter in group['params']:
            parameter.grad = torch.full_like(parameter, length)
    before = [torch.cat([p.grad.flatten() for p in group['params']]) for group in made.param_groups]
    module.configure_gradient_clipping(made)
    for group, gradient in zip(made.param_groups, before):
        after = torch.cat([p.grad.flatten() for p in group['params']])
        torch.testing.assert_close(after, gradient / gradient.norm())
    parameter.grad[0] = torch.nan
    with pytest.raises(RuntimeError, match='the gradient of step 0 is not a finite number'):
        module.configure_gradient_clipping(made)


def test_depth_anything_is_trained_along_and_kept(boxes, tmp_path):
    pytest.importorskip('lightning.pytorch')
    from test_depth_anything import tiny as depth_anything

    from depth_models.estimators.depth_anything import load_model
    from depth_models.training.running import train
    folder = tmp_path / 'before'
    depth_anything().save_pretrained(folder)
    relative = f'relative: {{source: "{folder}", trained: true, drawn: 0.3}}, factors: [4]'
    path = written(tmp_path / 'tiny.yaml', 'guided_super_resolution', SMALL, relative, boxes,
                   relative_learning_rate=1e-3)
    train(config_files.load(path, ['trainer.steps=3', 'trainer.validate_every=3']), tmp_path / 'run',
          check=False)
    before, after = (load_model(str(where)).state_dict() for where in (
        folder, tmp_path / 'run' / 'depth_anything'))
    moved = [key for key in before if not torch.equal(before[key], after[key])]
    assert len(moved) > len(before) / 2
    assert max((before[key] - after[key]).abs().max() for key in moved) < 0.02


@pytest.mark.parametrize('name, factor', [
    ('depth_gan_x2', 2), ('depth_gan_x4', 4), ('depth_gan_x8', 8), ('depth_gan_x8_adversarial', 8)])
def test_shipped_configs_of_depth_alone(name, factor):
    config = config_files.load(name)
    assert config.kind == 'depth_gan' and config.network.factor == factor == config.data.factor
    assert (config.optimizer.loss.gan > 0) == name.endswith('adversarial')
    assert config_files.parse(name, config_files.resolved(config)) == config


@pytest.mark.parametrize('name, before', [
    ('guided_super_resolution_first', ''),
    ('guided_super_resolution_second', 'guided_super_resolution_first'),
    ('guided_super_resolution_third', 'guided_super_resolution_second'),
    ('guided_super_resolution', 'guided_super_resolution_third')])
def test_the_shipped_configs_of_the_guided_network(name, before):
    config = config_files.load(name)
    assert config.trainer.initial_weights == (before and f'runs/{before}/{before}.safetensors')
    assert config.network == GuidedConfig(patch=4, widths=(32, 48, 64, 96, 128), encoder=(1, 1, 1, 1),
                                          middle=2, decoder=(1, 1, 1, 1))
    assert set(config.data.factors) == {4, 8} and config.optimizer.relative_learning_rate == 2e-6
    assert config_files.parse(config.name, config_files.resolved(config)) == config


def test_a_network_of_the_shipped_size_learns_a_batch_by_heart(boxes):
    source = f'[{{kind: rgbd, path: "{boxes}"}}]'
    config = config_files.load('depth_gan_x4', [
        f'data.sources={source}', 'data.height=64', 'data.width=64', 'data.view_height=72',
        'data.view_width=96', 'trainer.overfit_steps=60'])
    first, last = checks.check_overfits(config)
    assert last < first / 2


def test_validation_judges_every_stage(data, tmp_path, boxes):
    task = DepthGANTask()
    kind, small, more, _ = KINDS['depth_gan']
    config = config_files.load(written(tmp_path / 'tiny.yaml', kind, small, more, boxes))
    batch = validation_batches(task, data)[0]
    network = DepthGAN(DepthGANConfig()).eval()
    with torch.no_grad():
        found = list(task.judge(network, batch, config))
        sheets = list(task.sheets(network, batch, range(2), config, 'step 3'))
        first = network(batch.low_res[:1])[0].depth
    assert len(found) == len(batch.valid) and found[0].shape == (2, len(task.figures(config)))
    values = dict(zip(task.figures(config), found[0][0].tolist()))
    truth = batch.depth[:1][batch.valid[:1]]
    error = (first[batch.valid[:1]] - truth).square().mean().sqrt() / truth.mean()
    assert values['rmse_1'] == pytest.approx(float(error), rel=1e-4)
    assert values['rmse_ratio'] == pytest.approx(1) == values['edges_ratio']  # it starts as bicubic
    assert len(sheets) == 2 and sheets[0].dtype == np.uint8 and sheets[0].ndim == 3


def test_the_sheet_of_the_guided_network_shows_what_guides_it(guided, tmp_path, boxes):
    task = GuidedTask()
    kind, small, more, _ = KINDS['super_resolution']
    config = config_files.load(written(tmp_path / 'tiny.yaml', kind, small, more, boxes))
    batch = validation_batches(task, guided)[0]
    network = GuidedSuperResolution(config.network).eval()
    with torch.no_grad():
        panels = task.guides(batch, 0)
        sheet = next(iter(task.sheets(network, batch, range(1), config, 'step 3')))
    assert len(panels) == 2 and sheet.dtype == np.uint8 and sheet.shape[2] == 3


def test_sources_are_checked(boxes):
    size = ['data.height=64', 'data.width=64', 'data.view_height=72', 'data.view_width=96',
            f'data.sources=[{{kind: rgbd, path: "{boxes}"}}]']
    alone, guided = (config_files.load(name, size) for name in ('depth_gan_x4', 'guided_super_resolution'))
    # of depth alone, images are not looked at
    assert DepthGANTask().check_source(alone, 0).endswith('median 4 m')
    assert 'images have' in GuidedTask().check_source(guided, 0)
    with pytest.raises(ValueError, match=r'lie up to data\.max_depth = 0\.5 m'):
        DepthGANTask().check_source(replace(alone, data=replace(alone.data, max_depth=0.5)), 0)

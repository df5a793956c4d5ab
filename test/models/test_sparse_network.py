"""Sparse depth to dense: planes through measurements, the network on top of them, and both exported."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from depth_models.engines import Model, choose
from depth_models.engines.export import to_onnx
from depth_models.networks import sparse_graphs
from depth_models.networks.sparse_depth import (
    COARSEST,
    DownsamplingBlock,
    ProjectionBlock,
    ResidualBlock,
    SparseDepth,
    SparseDepthConfig,
)
from depth_models.networks.sparse_features import CANDIDATES, FEATURES, GUIDED, SPREAD_RIDGE
from depth_models.networks.sparse_networks import KINDS, config_from, kind_of
from depth_models.networks.surfaces import CELL, PlaneFit, at_pixels, pixel_offsets, solved
from depth_models.sparse_maps import as_input, is_measured, measurements_kept

H, W = 96, 128
CERTAIN, DOUBTED = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)


def road(height=H, width=W):
    """Depth [H,W] m of a plane in space: a floor that comes nearer from row to row, tilted a bit."""
    rows, columns = np.mgrid[:height, :width]
    return (1 / (0.05 + 0.004 * rows + 0.001 * columns)).astype(np.float32)


def steps(height=H, width=W):
    """A box before a wall."""
    depth = np.full((height, width), 4.0, np.float32)
    depth[30:70, 40:90] = 1.5
    return depth


def measured(depth, density, seed=0, wrong=0.0):
    """Of evenly drawn pixels [1,1,H,W], 0 elsewhere; wrong: the share that says something else."""
    rng = np.random.default_rng(seed)
    sparse = np.where(rng.random(depth.shape) < density, depth, 0).astype(np.float32)
    outliers = (rng.random(depth.shape) < wrong) & (sparse > 0)
    values = np.where(outliers, rng.uniform(1, 8, depth.shape), sparse)
    return torch.from_numpy(values.astype(np.float32))[None, None]


def made(rgb=False, *, alive=True):
    """A network; alive: with weights in place of the zeros that training begins from."""
    torch.manual_seed(0)
    network = SparseDepth(SparseDepthConfig(rgb=rgb)).eval()
    if alive:
        for name, weights in network.named_parameters():
            if name.endswith(('second.weight', 'sub_pixel.weight')):
                torch.nn.init.normal_(weights, 0, 0.03)
    return network


def image_of(depth, seed=0):
    noise = np.random.default_rng(seed).normal(0, 2, (*depth.shape, 3))
    return torch.from_numpy(np.clip(50 * depth[..., None] + noise, 0, 255).astype(np.uint8))[None]


def rms(a, b):
    return float(np.sqrt(np.mean(np.square(np.asarray(a).squeeze() - b))))


# --- planes


def test_a_fit_is_the_least_squares_solution():
    rng = np.random.default_rng(0)
    x, y, u, w = rng.uniform(-1, 1, (4, 12))
    w, prior, ridge = np.abs(w), np.array([0.3, -0.2, 0.5]), (0.7, 0.4)
    sums = [np.sum(w * term) for term in (np.ones(12), x, y, x * x, x * y, y * y, u, u * x, u * y)]
    rows = np.stack([np.ones(12), x, y], 1) * np.sqrt(w)[:, None]
    leaning = np.diag(np.sqrt([ridge[0], ridge[1], ridge[1]]))
    wanted = np.r_[np.sqrt(w) * u, leaning @ prior]
    expected = np.linalg.lstsq(np.vstack([rows, leaning]), wanted, rcond=None)[0]
    found = solved(torch.tensor(sums).view(1, 9, 1, 1), torch.tensor(prior).view(1, 3, 1, 1),
                   *torch.tensor(ridge, dtype=torch.float64))
    np.testing.assert_allclose(found.flatten(), expected, rtol=1e-9)


def test_coarser_and_windowed_sums_are_the_sums_about_their_own_centres():
    """All measurements in one window of one level, fitted alone, against the sums made in cells."""
    rng = np.random.default_rng(1)
    fit = PlaneFit(0.1, 0.1)
    weight, inverse = torch.from_numpy(rng.uniform(0.1, 1, (2, 1, 16, 2, 2)).astype(np.float32))
    cells = torch.cat([F.conv2d(weight, fit.gather), F.conv2d(weight * inverse, fit.gather[:3])], dim=1)
    x, y = (offset.view(16, 1, 1).numpy() for offset in pixel_offsets())
    place_y, place_x = np.mgrid[:2, :2][:, None] - 0.5
    x, y = (x + place_x) / 2, (y + place_y) / 2  # in coarser cells, about their centre
    w, u = weight[0].numpy(), inverse[0].numpy()
    expected = [np.sum(w * term) for term in (1, x, y, x * x, x * y, y * y, u, u * x, u * y)]
    np.testing.assert_allclose(F.conv2d(cells, fit.coarser, stride=2).flatten(), expected, rtol=1e-5)


@pytest.mark.parametrize('density', [0.2, 0.01])
def test_planes_in_space_are_found_exactly(density):
    """Where linear interpolation of depth is not exact: only inverse depth is linear in the image."""
    depth = road(192, 256)
    sparse = measured(depth, density)
    first, second = made(alive=False)(sparse)
    for stage in (first, second):
        error = np.abs(stage.depth[0, 0].detach().numpy() / depth - 1)
        # the rest lies beyond all that is known
        assert np.median(error) < 1e-3 and np.quantile(error, 0.97) < 0.03


def test_what_is_coarser_helps_where_little_is_measured():
    depth = road()
    sparse = torch.zeros(1, 1, H, W)
    for row, column in ((10, 10), (12, 120), (90, 15), (85, 118), (50, 64)):
        sparse[..., row, column] = float(depth[row, column])
    found = made(alive=False)(sparse)[0].depth[0, 0].detach().numpy()
    assert np.isfinite(found).all() and np.median(np.abs(found / depth - 1)) < 0.25
    assert rms(found, depth) < 0.6 * rms(np.median(depth), depth)


def test_a_plane_is_evaluated_at_pixel_centres():
    x, y = (offset.view(1, -1, 1, 1) for offset in pixel_offsets())
    planes = torch.tensor([10.0, 4.0, 8.0]).view(1, 3, 1, 1)
    cell = F.pixel_shuffle(at_pixels(planes, x, y), CELL)[0, 0]
    np.testing.assert_allclose(cell[0], 10 - 3 + np.array([-1.5, -0.5, 0.5, 1.5]))
    np.testing.assert_allclose(cell[:, 0], 10 - 1.5 + np.array([-3.0, -1.0, 1.0, 3.0]))


# --- stage 1


def test_outliers_are_passed_over():
    depth = np.full((H, W), 3.0, np.float32)
    sparse = measured(depth, 0.1, wrong=0.1)
    evidence = made(alive=False).evidence(sparse, DOUBTED)
    agreeing, everything, *_ = (F.pixel_shuffle(surface, CELL).detach() for surface
                                in evidence.surfaces.chunk(CANDIDATES, dim=1))
    assert rms(agreeing, depth) < 0.25 * rms(everything, depth)


def test_a_single_depth_counts_where_measurements_are_right():
    """What is seen through a gap looks like an outlier; who says that there are none means the gap."""
    depth = np.full((H, W), 3.0, np.float32)
    sparse = measured(depth, 0.1)
    sparse[0, 0, 40, 40] = 6.0
    first = {name: made(alive=False)(sparse, doubt=doubt)[0].depth[0, 0, 40, 40].item()
             for name, doubt in (('right', CERTAIN), ('wrong', DOUBTED))}
    assert first['wrong'] < first['right'] - 0.2


def test_measurements_shape_the_surface_around_them():
    """On a surface that is no plane: half of the way to the measurement at least is gone at its pixel."""
    depth = steps()
    sparse = measured(depth, 0.1)
    evidence = made(alive=False).evidence(sparse, CERTAIN)
    everything = F.pixel_shuffle(evidence.surfaces[:, 16:32], CELL)[0, 0].detach().numpy()
    known = sparse[0, 0].numpy() > 0
    assert np.quantile(np.abs(everything - depth)[known], 0.9) < 0.2 and SPREAD_RIDGE > 0
    assert rms(everything, depth) < 0.45  # nearest neighbour: 0.43 of a step of 2.5 m


def test_nearer_and_farther_surfaces_lie_on_both_sides_of_a_border():
    depth = steps()
    evidence = made(alive=False).evidence(measured(depth, 0.1), CERTAIN)
    *_, near, far = (F.pixel_shuffle(surface, CELL)[0, 0].detach().numpy() for surface
                     in evidence.surfaces.chunk(CANDIDATES, dim=1))
    border = np.zeros((H, W), bool)
    border[40:60, 38:42] = True
    assert (near < far)[border].mean() > 0.9
    assert np.median(near[border]) < 1.8 and np.median(far[border]) > 3.0


# --- the whole


@pytest.mark.parametrize('rgb', [False, True])
def test_metres_do_not_matter(rgb):
    network, depth = made(rgb), steps()
    sparse, image = measured(depth, 0.05), image_of(depth) if rgb else None
    metres, other = network(sparse, image), network(0.0254 * sparse, image)
    for one, two in zip(metres, other):
        torch.testing.assert_close(two.depth, 0.0254 * one.depth, rtol=2e-4, atol=0)
        torch.testing.assert_close(two.confidence, one.confidence, rtol=0, atol=2e-3)


@pytest.mark.parametrize('missing', [float('nan'), float('inf'), -1.0, -float('inf')])
def test_what_is_no_depth_is_no_measurement(missing):
    network, sparse = made(), measured(steps(), 0.05)
    other = torch.where(sparse > 0, sparse, missing)
    for one, two in zip(network(sparse), network(other)):
        torch.testing.assert_close(two.depth, one.depth)
        torch.testing.assert_close(two.confidence, one.confidence)


@pytest.mark.parametrize('number', [0, 1])
def test_hardly_anything_measured_gives_numbers(number):
    sparse = torch.zeros(1, 1, H, W)
    if number:
        sparse[..., 20, 30] = 2.5
    for output in made()(sparse):
        assert torch.isfinite(output.depth).all() and torch.isfinite(output.confidence).all()
        assert (output.depth > 0).all()
    if number:
        assert made(alive=False)(sparse)[0].depth.detach().numpy() == pytest.approx(2.5, rel=1e-3)


def test_frames_of_a_batch_do_not_see_each_other():
    network, a, b = made(), measured(steps(), 0.1), 5 * measured(road(), 0.01, seed=3)
    together, alone = network(torch.cat([a, b])), [network(a), network(b)]
    for stage in range(2):
        for number in range(2):
            torch.testing.assert_close(together[stage].depth[number], alone[number][stage].depth[0],
                                       rtol=1e-4, atol=1e-4)


def test_training_begins_with_a_mix_of_the_surfaces():
    first, second = made(alive=False)(measured(road(), 0.1))
    torch.testing.assert_close(second.depth, first.depth, rtol=0.2, atol=0)
    assert not torch.equal(second.depth, first.depth)


def test_every_weight_of_a_network_that_is_alive_learns():
    network, depth = made(rgb=True).train(), steps()
    first, second = network(measured(depth, 0.1), image_of(depth))
    depths, confidences = zip(first, second)
    sum(part.log().sum() for part in depths).backward(retain_graph=True)
    sum(part.sum() for part in confidences).backward()
    silent = [name for name, weights in network.named_parameters()
              if weights.grad is None or not torch.isfinite(weights.grad).all() or not weights.grad.any()]
    assert not silent


def test_confidence_never_bends_depth():
    network, depth = made().train(), steps()
    first, second = network(measured(depth, 0.1))
    (first.confidence.sum() + second.confidence.sum()).backward()
    bent = [name for name, weights in network.named_parameters()
            if 'confidence' not in name and weights.grad is not None and weights.grad.any()]
    assert not bent


def test_colours_tell_sides():
    """The colour channels are over 0 on the near side of a border and under it on the far one."""
    depth = steps()
    features = made(rgb=True).evidence(measured(depth, 0.05), CERTAIN, image_of(depth)).features
    assert features.shape == (1, FEATURES + GUIDED, H // CELL, W // CELL)
    side = F.pixel_shuffle(features[:, FEATURES:FEATURES + 16], CELL)[0, 0].detach().numpy()
    near, far = np.s_[40:60, 42:46], np.s_[40:60, 34:38]
    assert side[near].min() > 0.2 and side[far].max() < -0.2


def test_features_stay_in_a_range_that_networks_like():
    depth = steps()
    depth[:5] = 200.0
    for density in (0.002, 0.2):
        features = made(alive=False).evidence(measured(depth, density, wrong=0.1), DOUBTED).features
        assert features.abs().max() < 6 and torch.isfinite(features).all()


def test_blocks_are_what_the_figure_names():
    x = torch.rand(1, 6, 8, 12)
    assert ResidualBlock(6)(x).shape == (1, 6, 8, 12)
    assert ProjectionBlock(6, 10)(x).shape == (1, 10, 8, 12)
    assert DownsamplingBlock(6, 10)(x).shape == (1, 10, 4, 6)
    torch.testing.assert_close(ResidualBlock(6)(x), x)  # it begins as nothing at all


@pytest.mark.parametrize('arguments, says', [
    ((torch.zeros(1, 1, 90, 128),), 'multiples of 16 px, got 90 and 128'),
    ((torch.zeros(1, 1, 96, 128), torch.zeros(1, 96, 128, 3)), 'an image is needed where config.rgb is true'),
])
def test_wrong_inputs_are_said(arguments, says):
    with pytest.raises(ValueError, match=says):
        made()(*arguments)
    with pytest.raises(ValueError, match='an image is needed'):
        made(rgb=True)(torch.zeros(1, 1, 96, 128))


def test_the_kind_is_known_by_name():
    network = made(rgb=True)
    assert kind_of(network) == 'sparse_depth' and KINDS['sparse_depth'].multiple == COARSEST
    found = config_from('sparse_depth', {'rgb': True, 'channels': [8, 8, 8]})
    assert found == SparseDepthConfig(True, (8, 8, 8))
    with pytest.raises(ValueError, match='channels must be 3 numbers'):
        SparseDepthConfig(channels=(8, 8))
    with pytest.raises(ValueError, match='confidence_channels must be positive'):
        SparseDepthConfig(confidence_channels=0)


# --- graphs and engines


@pytest.mark.parametrize('engine, precision, tolerance', [
    ('torch', 'fp32', 1e-6), ('onnxruntime', 'fp32', 1e-4), ('openvino', 'fp32', 1e-4),
    ('openvino', 'bf16', 0.02)])
@pytest.mark.parametrize('rgb', [False, True])
def test_engines_agree(engine, precision, tolerance, rgb):
    for package in ('onnx', engine):
        pytest.importorskip(package)
    if precision == 'bf16' and not pytest.importorskip(
            'depth_models.engines.openvino_engine').has_bf16():
        pytest.skip('no bf16 arithmetic in this processor')
    network, depth = made(rgb), steps()
    inputs = {sparse_graphs.SPARSE: measured(depth, 0.1, wrong=0.05), sparse_graphs.DOUBT: DOUBTED}
    if rgb:
        inputs[sparse_graphs.IMAGE] = image_of(depth)
    with torch.no_grad():
        expected = network(inputs[sparse_graphs.SPARSE], inputs.get(sparse_graphs.IMAGE), DOUBTED)
    graphs = sparse_graphs.stage_graphs(network)
    chosen = choose(engine, precision=precision)[0]
    files = to_onnx(graphs, inputs) if chosen.needs_onnx else [b''] * 2
    model = Model(chosen, graphs, files)
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    for stage, (maps, output) in enumerate(zip(model.run(arrays), expected), start=1):
        found = maps(f'depth_{stage}')
        assert found.shape == (1, 1, H, W)
        # stage 1 is computed in float32 by every engine
        np.testing.assert_allclose(found, output.depth,
                                   rtol=tolerance if stage == 2 else min(tolerance, 1e-4))
        np.testing.assert_allclose(maps(f'confidence_{stage}'), output.confidence,
                                   atol=20 * tolerance + 1e-4)


# --- maps


def test_measurements_are_kept():
    sparse = np.array([[1.0, np.nan, 0.0], [-2.0, np.inf, 4.0]], np.float32)
    depth = np.full((2, 3), 7.0, np.float32)
    np.testing.assert_array_equal(is_measured(sparse), [[True, False, False], [False, False, True]])
    kept = measurements_kept(depth, sparse)
    np.testing.assert_array_equal(kept, [[1, 7, 7], [7, 7, 4]])
    assert kept.dtype == np.float32 and (depth == 7).all()


def test_inputs_are_padded_with_nothing():
    sparse = np.array([[1.0, np.nan, 0.0], [-2.0, np.inf, 4.0]], np.float32)
    values = as_input(sparse, (4, 4))
    np.testing.assert_array_equal(values[0, 0], [[1, 0, 0, 0], [0, 0, 4, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    assert values.dtype == np.float32
    with pytest.raises(ValueError, match='grid must be at least 2x3 px, got 4x2'):
        as_input(sparse, (4, 2))

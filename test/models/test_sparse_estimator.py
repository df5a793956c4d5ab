"""Dense depth from sparse depth: numpy in, numpy out, any size, whatever was measured or not."""

import cv2
import numpy as np
import pytest
import sparse_networks
import torch
from clocks import Clock

from depth_models.estimators.prepared import SCALES
from depth_models.estimators.sparse import GUIDED, SparseDepthEstimator, nearness, shrunk
from depth_models.estimators.sparse_by_image import SparseByImage, load_sparse

SIZE = 64, 96
NAN, INF = np.nan, np.inf


def estimator(*, rgb: bool = False, engine: str = 'torch', **options) -> SparseDepthEstimator:
    return SparseDepthEstimator(sparse_networks.network(rgb=rgb), engine=engine, device='cpu', **options)


def slope(size: tuple[int, int] = SIZE) -> np.ndarray:
    """A floor that comes nearer from row to row, with a box on it; [H,W] m."""
    depth = np.repeat(np.linspace(6.0, 1.5, size[0], dtype=np.float32)[:, None], size[1], axis=1)
    depth[size[0] // 3:size[0] // 2, size[1] // 4:size[1] // 2] = 1.2
    return depth


def measured(depth: np.ndarray, share: float = 0.1, seed: int = 3) -> np.ndarray:
    chosen = np.random.default_rng(seed).random(depth.shape) < share
    return np.where(chosen, depth, np.float32(NAN))


def picture(size: tuple[int, int] = SIZE) -> np.ndarray:
    noise = np.random.default_rng(4).integers(0, 256, (*size, 3)).astype(np.uint8)
    return cv2.blur(noise, (5, 5))


@pytest.fixture(params=[False, True], ids=['plain', 'guided'])
def rgb(request):
    return request.param


@pytest.mark.parametrize('size', [(1, 1), (16, 16), (17, 70), (120, 161)])
def test_any_size_comes_back_in_its_own_size(rgb, size):
    sparse = measured(slope(size), 0.1)
    sparse[0, 0] = 2.0
    estimate = estimator(rgb=rgb).compute(sparse, picture(size))
    assert estimate.depth.shape == estimate.confidence.shape == size
    assert estimate.depth.dtype == estimate.confidence.dtype == np.float32
    assert np.isfinite(estimate.depth).all() and estimate.depth.min() > 0
    assert 0 <= estimate.confidence.min() <= estimate.confidence.max() <= 1
    assert estimate.measured == np.isfinite(sparse).sum()
    assert estimate.guided == rgb and estimate.network == ('sparse_depth_rgb' if rgb else 'sparse_depth')


def test_depth_is_what_the_network_says_in_metres(rgb):
    net, sparse = sparse_networks.network(rgb=rgb), measured(slope())
    image = torch.from_numpy(picture())[None] if rgb else None
    with torch.inference_mode():
        outputs = net(torch.from_numpy(np.nan_to_num(sparse))[None, None], image, torch.ones(1, 1, 1, 1))
    found = [estimator(rgb=rgb).compute(sparse, picture(), stage=stage, denoise=True) for stage in (1, 2)]
    for stage, (estimate, output) in enumerate(zip(found, outputs), start=1):
        assert estimate.stage == stage
        np.testing.assert_allclose(estimate.depth, output.depth[0, 0], rtol=1e-4)
        logit = cv2.resize(output.confidence[0, 0].numpy(), SIZE[::-1])
        expected = 1 / (1 + np.exp(-logit)) * nearness(np.isfinite(sparse))
        np.testing.assert_allclose(estimate.confidence, expected, atol=1e-5)
    assert np.abs(found[0].depth - found[1].depth).max() > 0.01
    assert estimator(rgb=rgb).stages == 2


@pytest.mark.parametrize('engine', ['openvino', 'onnxruntime'])
def test_an_engine_agrees_with_torch(rgb, engine):
    pytest.importorskip(engine)
    pytest.importorskip('onnx')
    sparse = measured(slope((50, 90)))  # padded
    expected, estimate = (
        estimator(rgb=rgb, engine=name, precision='fp32').compute(sparse, picture((50, 90)), denoise=True)
        for name in ('torch', engine))
    np.testing.assert_allclose(estimate.depth, expected.depth, rtol=2e-3)
    np.testing.assert_allclose(estimate.confidence, expected.confidence, atol=2e-3)


@pytest.mark.parametrize('scale', SCALES)
def test_what_was_measured_stays_unless_it_may_be_wrong(rgb, scale):
    sparse = measured(slope())
    sparse[30, 40] = 9.0  # far from everything around it
    known = np.isfinite(sparse)
    believing, doubting = (estimator(rgb=rgb).compute(sparse, picture(), scale=scale, denoise=denoise)
                           for denoise in (False, True))
    np.testing.assert_array_equal(believing.depth[known], sparse[known])
    assert doubting.depth[30, 40] < 8.0
    # it is told to the network, too: around the measurement, depth follows it only where it is believed
    around = (slice(29, 32), slice(39, 42))
    assert np.nanmean(believing.depth[around]) > np.nanmean(doubting.depth[around]) + 0.1
    assert believing.scale == scale


def test_what_is_no_depth_is_not_measured(rgb):
    rubbish = np.nan_to_num(measured(slope()))
    holes = np.flatnonzero(rubbish == 0)
    sparse = rubbish.copy()
    sparse[sparse == 0] = NAN
    rubbish.flat[holes[::3]], rubbish.flat[holes[1::3]], rubbish.flat[holes[2::9]] = NAN, -INF, INF
    rubbish.flat[holes[5::9]] = -3.0
    one, two = (estimator(rgb=rgb).compute(values, picture()) for values in (sparse, rubbish))
    np.testing.assert_array_equal(one.depth, two.depth)
    np.testing.assert_array_equal(one.confidence, two.confidence)
    assert one.measured == two.measured


@pytest.mark.parametrize('value', [NAN, INF, 0.0, -1.0])
def test_where_nothing_was_measured_nothing_is_known(rgb, value):
    estimate = estimator(rgb=rgb).compute(np.full(SIZE, value, np.float32), picture())
    assert np.isnan(estimate.depth).all() and not estimate.confidence.any()
    assert (estimate.measured, estimate.stage) == (0, 0)


def test_a_single_measurement_is_enough(rgb):
    sparse = np.full(SIZE, NAN, np.float32)
    sparse[20, 30] = 2.5
    estimate = estimator(rgb=rgb).compute(sparse, picture())
    assert np.isfinite(estimate.depth).all() and estimate.depth[20, 30] == 2.5


def test_confidence_falls_with_the_distance_from_what_was_measured():
    known = np.zeros((40, 200), np.bool_)
    known[20, 0] = True
    near = nearness(known)
    along = near[20]
    assert along[0] == 1.0
    assert (np.diff(along) < 0).all()
    assert along[10] == pytest.approx(0.5, rel=0.01)  # a twentieth of the width
    sparse = np.full(SIZE, NAN, np.float32)
    sparse[:, :20] = slope()[:, :20]
    confidence = estimator().compute(sparse).confidence
    assert confidence[:, :20].mean() > 2 * confidence[:, 60:].mean()


def test_a_smaller_map_holds_the_mean_of_what_falls_into_its_pixels():
    sparse = np.full((4, 6), NAN, np.float32)
    sparse[0, 0], sparse[1, 1], sparse[3, 5], sparse[2, 0] = 1.0, 3.0, 7.0, 4.0
    found = shrunk(sparse, np.isfinite(sparse), (2, 3))
    np.testing.assert_array_equal(found, [[2.0, NAN, NAN], [4.0, NAN, 7.0]])
    assert shrunk(sparse, np.isfinite(sparse), (4, 6)) is sparse
    odd = shrunk(slope((50, 75)), np.ones((50, 75), np.bool_), (25, 38))
    area = cv2.resize(slope((50, 75)), (38, 25), interpolation=cv2.INTER_AREA)
    assert np.isfinite(odd).all() and np.median(np.abs(odd - area)) < 1e-3


@pytest.mark.parametrize('scale', [0.5, 0.25])
def test_a_smaller_map_is_seen_and_the_estimate_keeps_its_size(rgb, scale):
    depth = slope((128, 192))
    sparse = measured(depth)
    estimate = estimator(rgb=rgb).compute(sparse, picture((128, 192)), scale=scale, stage=1)
    assert estimate.depth.shape == (128, 192)
    assert np.median(np.abs(estimate.depth / depth - 1)) < 0.05


def test_an_estimate_stays_what_it_is_when_the_next_map_comes(rgb):
    made, sparse = estimator(rgb=rgb), measured(slope())
    for denoise in (False, True):
        first = made.compute(sparse, picture(), denoise=denoise)
        depth, confidence = first.depth.copy(), first.confidence.copy()
        made.compute(2 * sparse[::-1], picture()[::-1])
        np.testing.assert_array_equal(first.depth, depth)
        np.testing.assert_array_equal(first.confidence, confidence)


def test_the_network_runs_where_the_deadline_allows():
    clock, sparse = Clock(step=0.010), measured(slope())
    made = estimator(clock=clock)
    assert made.compute(sparse).stage == 2  # learns the costs
    assert made.compute(sparse, deadline=clock.now).stage == 1
    assert made.compute(sparse, deadline=clock.now + 0.20).stage == 2
    for stage in (1, 2):  # a fixed one ignores it
        assert made.compute(sparse, stage=stage, deadline=clock.now).stage == stage
    assert list(made.compute(sparse).seconds) == ['preparation', 'stage_1', 'stage_2', 'finish']


def test_sizes_are_compiled_beforehand_and_the_budget_chooses_one():
    made = estimator(clock=Clock(step=0.0))
    assert not made.make_ready(SIZE, SCALES)
    assert made.make_ready(SIZE, SCALES)
    for grid, cost in ((SIZE, 0.040), ((32, 48), 0.010), ((16, 32), 0.003)):
        made.costs.add(('sparse_depth', 1), grid, cost, now=0.0)
    assert [made.scale_for(SIZE, seconds) for seconds in (0.050, 0.020, 0.005, 0.001)] == [
        1.0, 0.5, 0.25, 0.25]


# --- with an image where there is one


def test_the_network_that_sees_the_image_answers_while_there_is_one():
    both = SparseByImage(estimator(), estimator(rgb=True))
    sparse = measured(slope())
    assert not both.make_ready(SIZE)
    assert both.make_ready(SIZE)
    for image, rgb in ((picture(), True), (None, False), (picture(), True)):
        estimate = both.compute(sparse, image, stage=2)
        assert estimate.guided == rgb
        np.testing.assert_array_equal(estimate.depth,
                                      estimator(rgb=rgb).compute(sparse, image, stage=2).depth)
    assert both.describe()['model'] == 'sparse_depth_rgb where there is an image, else sparse_depth'


def test_costs_are_those_of_the_network_that_ran_last():
    plain, guided = estimator(clock=Clock(step=0.0)), estimator(rgb=True, clock=Clock(step=0.0))
    both = SparseByImage(plain, guided)
    both.make_ready(SIZE, SCALES)
    plain.costs.add(('sparse_depth', 1), SIZE, 0.010, now=0.0)
    guided.costs.add(('sparse_depth_rgb', 1), SIZE, 0.030, now=0.0)
    both.compute(measured(slope()), picture())
    assert both.least_cost(SIZE) == pytest.approx(0.030)
    assert both.scale_for(SIZE, 0.020) < 1.0
    both.compute(measured(slope()))
    assert both.least_cost(SIZE) == pytest.approx(0.010)
    assert both.scale_for(SIZE, 0.020) == 1.0


def test_weights_are_loaded_by_what_they_are_for(tmp_path):
    plain, rgb = (sparse_networks.write(tmp_path / f'{name}.safetensors', rgb=name == 'rgb')
                  for name in ('plain', 'rgb'))
    sparse, image = measured(slope()), picture()
    alone = load_sparse(plain, engine='torch')
    both = load_sparse(plain, rgb, engine='torch')
    assert isinstance(alone, SparseDepthEstimator) and isinstance(both, SparseByImage)
    np.testing.assert_array_equal(alone.compute(sparse).depth, estimator().compute(sparse).depth)
    np.testing.assert_array_equal(alone.compute(sparse, image).depth, estimator().compute(sparse).depth)
    np.testing.assert_array_equal(both.compute(sparse, image).depth,
                                  estimator(rgb=True).compute(sparse, image).depth)
    with pytest.raises(ValueError, match=r'weights: .*rgb\.safetensors needs images; it is one for'):
        load_sparse(rgb, engine='torch')
    with pytest.raises(ValueError, match=r'weights_rgb: .*plain\.safetensors does not look at images'):
        load_sparse(plain, plain, engine='torch')
    assert SparseDepthEstimator.from_pretrained(rgb, engine='torch').describe()['model'] == GUIDED


def test_mistakes_are_named(tmp_path):
    sparse = measured(slope())
    with pytest.raises(ValueError, match=r'sparse must be float32 \[H,W\], got float64 \[64, 96\]'):
        estimator().compute(sparse.astype(np.float64))
    with pytest.raises(ValueError, match='sparse is empty'):
        estimator().compute(np.empty((0, 5), np.float32))
    with pytest.raises(ValueError, match='sparse is 96x64 but image is 90x64'):
        estimator(rgb=True).compute(sparse, picture()[:, :90])
    with pytest.raises(ValueError, match='sparse_depth_rgb needs an image beside the sparse depth'):
        estimator(rgb=True).compute(sparse)
    with pytest.raises(ValueError, match=r'stage must be 0\.\.2, got 3'):
        estimator().compute(sparse, stage=3)
    with pytest.raises(ValueError, match='the first network must be one without an image'):
        SparseByImage(estimator(rgb=True), estimator())
    with pytest.raises(ValueError, match='a sparse depth network must be one of sparse_depth, got Linear'):
        SparseDepthEstimator(torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match='holds weights of anynet, not sparse_depth'):
        SparseDepthEstimator.from_pretrained('anynet')
    with pytest.raises(FileNotFoundError, match='no weights at'):
        load_sparse(str(tmp_path / 'none.safetensors'))

"""High-resolution depth from low: numpy in, numpy out, any size and ratio, with holes or without."""

import cv2
import numpy as np
import pytest
import super_resolution_networks
import torch
from clocks import Clock

from depth_models import pretrained
from depth_models.estimators.prepared import SCALES
from depth_models.estimators.relative_depth import RelativeDepth
from depth_models.estimators.sparse import nearness
from depth_models.estimators.super_resolution import DepthUpscaler
from depth_models.estimators.super_resolution_by_budget import SuperResolutionByBudget, load_upscaler
from depth_models.frames import Camera, SuperResolutionFrame
from depth_models.networks.super_resolution_networks import KINDS

LOW, HIGH = (24, 32), (96, 128)
NAN, INF = np.nan, np.inf
FAR = 1e9  # s


def upscaler(factor: int = 4, *, guided: bool = False, engine: str = 'torch', **options) -> DepthUpscaler:
    network = super_resolution_networks.network(factor, guided=guided)
    return DepthUpscaler(network, engine=engine, device='cpu', **options)


def slope(size: tuple[int, int] = LOW) -> np.ndarray:
    """A floor that comes nearer from row to row, with a box on it; [h,w] m."""
    depth = np.repeat(np.linspace(6.0, 1.5, size[0], dtype=np.float32)[:, None], size[1], axis=1)
    depth[size[0] // 3:size[0] // 2, size[1] // 4:size[1] // 2] = 1.2
    return depth


def holed(depth: np.ndarray) -> np.ndarray:
    depth = depth.copy()
    depth[2:6, 3:9] = NAN
    return depth


def picture(size: tuple[int, int] = HIGH) -> np.ndarray:
    noise = np.random.default_rng(4).integers(0, 256, (*size, 3)).astype(np.uint8)
    return cv2.blur(noise, (5, 5))


def inverse(size: tuple[int, int] = HIGH) -> np.ndarray:
    """Inverse depth of the slope, off by a scale and a shift."""
    return (0.3 + 2 / slope(size)).astype(np.float32)


def guide(guided: bool, size: tuple[int, int] = HIGH) -> tuple:
    return (picture(size), inverse(size)) if guided else ()


@pytest.fixture(params=[False, True], ids=['plain', 'guided'])
def guided(request):
    return request.param


# --- one network


@pytest.mark.parametrize('factor', [2, 4, 8])
def test_a_map_comes_back_larger_by_the_factor_of_the_network(factor):
    estimate = upscaler(factor).compute(slope((13, 17)))
    assert estimate.depth.shape == estimate.confidence.shape == (13 * factor, 17 * factor)
    assert estimate.depth.dtype == estimate.confidence.dtype == np.float32
    assert np.isfinite(estimate.depth).all() and estimate.depth.min() > 0
    assert 0 <= estimate.confidence.min() <= estimate.confidence.max() <= 1
    assert (estimate.method, estimate.stage, estimate.measured) == ('depth_only', 2, 13 * 17)
    assert estimate.network == f'depth_gan_x{factor}'


@pytest.mark.parametrize('size', [(24, 32), (25, 70), (96, 128), (131, 200)])
def test_any_ratio_is_reached_and_pixel_edges_stay_in_place(guided, size):
    plane = np.repeat(np.linspace(2.0, 3.0, LOW[1], dtype=np.float32)[None], LOW[0], axis=0)
    made = upscaler(guided=guided)
    found = made.compute(plane, *guide(guided, size), size=size, stage=1)
    assert found.depth.shape == found.confidence.shape == size
    # a ramp stays one where its rays do: the centres of the outer pixels are where cv2 has them
    column = (np.arange(size[1]) + 0.5) * LOW[1] / size[1] - 0.5
    expected = np.interp(column, np.arange(LOW[1]), plane[0])
    np.testing.assert_allclose(found.depth[3:-3, 5:-5], np.tile(expected[5:-5], (size[0] - 6, 1)), rtol=2e-3)
    assert np.isfinite(made.compute(plane, *guide(guided, size), size=size).depth).all()


def test_depth_is_what_the_network_says_in_metres(guided):
    net, low = super_resolution_networks.network(guided=guided), holed(slope())
    inputs = [torch.from_numpy(np.nan_to_num(low))[None, None]]
    if guided:
        inputs += [torch.from_numpy(picture())[None], torch.from_numpy(inverse())[None, None]]
    with torch.inference_mode():
        outputs = net(*inputs)
    found = [upscaler(guided=guided).compute(low, *guide(guided), stage=stage, fill_holes=True)
             for stage in (1, 2)]
    near = cv2.resize(nearness(np.isfinite(low)), HIGH[::-1])
    for stage, (estimate, output) in enumerate(zip(found, outputs), start=1):
        assert estimate.stage == stage
        np.testing.assert_allclose(estimate.depth, output.depth[0, 0], rtol=1e-5)
        # the guided network pads what it sees to multiples of 64 px
        whole = (128, 128) if guided and stage == 2 else HIGH[::-1]
        logit = cv2.resize(output.confidence[0, 0].numpy(), whole)[:HIGH[0]]
        np.testing.assert_allclose(estimate.confidence, near / (1 + np.exp(-logit)), atol=1e-5)
    assert [one.method for one in found] == (['bilinear', 'guided'] if guided else ['bicubic', 'depth_only'])
    assert np.abs(found[0].depth - found[1].depth).max() > 0.01


def test_depth_a_thousand_times_as_large_is_enlarged_the_same(guided):
    metres, millimetres = (upscaler(guided=guided).compute(unit * slope() / 100, *guide(guided)).depth
                           for unit in (1.0, np.float32(1000.0)))
    np.testing.assert_allclose(millimetres, 1000 * metres, rtol=1e-4)


@pytest.mark.parametrize('engine', ['openvino', 'onnxruntime'])
def test_an_engine_agrees_with_torch(guided, engine):
    pytest.importorskip(engine)
    pytest.importorskip('onnx')
    size = (90, 130)  # no multiple of anything
    expected, estimate = (
        upscaler(guided=guided, engine=name, precision='fp32').compute(
            slope(), *guide(guided, size), size=size) for name in ('torch', engine))
    np.testing.assert_allclose(estimate.depth, expected.depth, rtol=2e-3)
    np.testing.assert_allclose(estimate.confidence, expected.confidence, atol=2e-3)


@pytest.mark.parametrize('size', [HIGH, (101, 133)])
def test_holes_stay_unless_they_are_to_be_filled(guided, size):
    low = holed(slope())
    made = upscaler(guided=guided)
    kept, full = (made.compute(low, *guide(guided, size), size=size, fill_holes=fill)
                  for fill in (False, True))
    row, column = (np.floor((np.arange(to) + 0.5) * of / to).astype(int) for to, of in zip(size, LOW))
    holes = np.isnan(low)[row][:, column]
    np.testing.assert_array_equal(np.isnan(kept.depth), holes)
    assert not kept.confidence[holes].any() and kept.confidence[~holes].all()
    assert np.isfinite(full.depth).all()
    np.testing.assert_array_equal(full.depth[~holes], kept.depth[~holes])
    # of the middle of a hole less is known than of its surroundings
    assert full.confidence[holes].mean() < 0.9 * full.confidence[~holes].mean()


def test_what_is_no_depth_is_missing(guided):
    low = holed(slope())
    holes = np.flatnonzero(np.isnan(low))
    rubbish = low.copy()
    rubbish.flat[holes[::3]], rubbish.flat[holes[1::3]], rubbish.flat[holes[2::6]] = 0.0, -3.0, INF
    rubbish.flat[holes[5::6]] = -INF
    one, two = (upscaler(guided=guided).compute(values, *guide(guided)) for values in (low, rubbish))
    np.testing.assert_array_equal(one.depth, two.depth)
    np.testing.assert_array_equal(one.confidence, two.confidence)
    assert one.measured == two.measured == low.size - holes.size


@pytest.mark.parametrize('value', [NAN, INF, 0.0, -1.0])
def test_where_nothing_was_measured_nothing_is_known(guided, value):
    estimate = upscaler(guided=guided).compute(np.full(LOW, value, np.float32), *guide(guided))
    assert estimate.depth.shape == HIGH
    assert np.isnan(estimate.depth).all() and not estimate.confidence.any()
    assert (estimate.measured, estimate.stage, estimate.method) == (0, 0, 'none')


@pytest.mark.parametrize('scale', SCALES)
def test_less_is_seen_and_the_estimate_keeps_its_size(guided, scale):
    estimate = upscaler(guided=guided).compute(slope(), *guide(guided), scale=scale, stage=1)
    assert estimate.depth.shape == HIGH and estimate.scale == scale
    assert np.median(np.abs(estimate.depth / slope(HIGH) - 1)) < 0.05


def test_relative_depth_has_any_scale_and_shift_and_may_be_unknown_here_and_there():
    made, low = upscaler(guided=True), slope()
    relative = inverse()
    first = made.compute(low, picture(), relative).depth
    np.testing.assert_allclose(made.compute(low, picture(), 7 * relative + 3).depth, first, rtol=1e-4)
    assert np.abs(made.compute(low, picture(), relative[::-1].copy()).depth - first).max() > 1e-3
    relative[:5, :7] = NAN
    assert np.isfinite(made.compute(low, picture(), relative).depth).all()
    with pytest.raises(ValueError, match='relative depth is unknown everywhere, it has no finite value'):
        made.compute(low, picture(), np.full(HIGH, NAN, np.float32))


def test_an_estimate_stays_what_it_is_when_the_next_map_comes(guided):
    made = upscaler(guided=guided)
    for stage in (1, 2):
        first = made.compute(slope(), *guide(guided), stage=stage)
        depth, confidence = first.depth.copy(), first.confidence.copy()
        made.compute(2 * slope()[::-1], *guide(guided), stage=stage)
        np.testing.assert_array_equal(first.depth, depth)
        np.testing.assert_array_equal(first.confidence, confidence)


def test_the_network_runs_where_the_deadline_allows():
    clock = Clock(step=0.010)
    made = upscaler(clock=clock)
    assert made.compute(slope()).stage == 2  # learns the costs
    assert made.compute(slope(), deadline=clock.now).method == 'bicubic'
    assert made.compute(slope(), deadline=clock.now + 0.20).method == 'depth_only'
    for stage in (1, 2):  # a fixed one ignores it
        assert made.compute(slope(), stage=stage, deadline=clock.now).stage == stage
    assert list(made.compute(slope()).seconds) == ['preparation', 'stage_1', 'stage_2', 'finish']


def test_it_warms_up_for_the_sizes_that_were_used_last(guided, tmp_path, monkeypatch):
    pytest.importorskip('openvino')
    pytest.importorskip('onnx')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    size = (*HIGH, *LOW)
    assert not upscaler(guided=guided, engine='openvino').make_ready(size)
    again = upscaler(guided=guided, engine='openvino')
    again.warm_up()
    assert again.make_ready(size)


def test_before_any_size_was_used_it_warms_up_for_a_usual_one(guided, tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    made = upscaler(guided=guided)
    made.warm_up()
    assert made.make_ready((480, 640, 120, 160))


def test_mistakes_are_named():
    low = slope()
    for arguments, reason in [
            ((low.astype(np.float64),), r'low_res must be float32 \[H,W\], got float64 \[24, 32\]'),
            ((np.empty((0, 5), np.float32),), 'low_res is empty'),
            ((low, picture((20, 128))), 'image is 128x20, smaller than low_res, which is 32x24'),
            ((low, picture(), inverse((96, 120))), 'image is 128x96 but relative is 120x96'),
            ((low, picture(), inverse().astype(np.float64)), r'relative must be float32 \[H,W\]'),
            ((low, picture().astype(np.float32)), 'image must be uint8')]:
        with pytest.raises(ValueError, match=reason):
            upscaler().compute(*arguments)
    for arguments in ((low,), (low, picture()), (low, None, inverse())):
        with pytest.raises(ValueError, match='guided_super_resolution needs an image and its relative depth'):
            upscaler(guided=True).compute(*arguments)
    with pytest.raises(ValueError, match='size is 32x20, smaller than low_res'):
        upscaler().compute(low, size=(20, 32))
    with pytest.raises(ValueError, match=r'stage must be 0\.\.2, got 3'):
        upscaler().compute(low, stage=3)
    with pytest.raises(ValueError, match='a super-resolution network must be one of depth_gan, guided_super'):
        DepthUpscaler(torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match='holds weights of anynet, not depth_gan or guided_super_resolution'):
        DepthUpscaler.from_pretrained('anynet')


def test_a_frame_has_the_size_of_what_is_wanted_and_that_of_the_map():
    camera = Camera(200, 150, 90.0, 90.0, 99.5, 74.5)
    assert SuperResolutionFrame(slope(), camera=camera).size == (150, 200, 24, 32)
    assert SuperResolutionFrame(slope(), picture()).size == (96, 128, 24, 32)
    with pytest.raises(ValueError, match='image is 128x96 but camera is 200x150'):
        SuperResolutionFrame(slope(), picture(), camera=camera)
    with pytest.raises(ValueError, match='nothing tells the size of the depth'):
        _ = SuperResolutionFrame(slope()).size


# --- several of them, by the time there is


@pytest.fixture(scope='module')
def mono():
    return RelativeDepth.from_pretrained( engine='torch', device='cpu')


@pytest.fixture
def several(mono):
    clock = Clock(step=1e-3)
    plain = {factor: upscaler(factor, clock=clock) for factor in (8, 2, 4)}
    made = SuperResolutionByBudget(plain, upscaler(guided=True, clock=clock), mono)
    made.make_ready((*HIGH, *LOW), (1.0, 0.5))
    return made


def answer(several, *, room=None, low=None, image=None, **options):
    """room: s until the deadline."""
    deadline = None if room is None else several._clock() + room
    return several.compute(slope() if low is None else low, image, deadline=deadline, **options)


def test_time_chooses_between_guided_depth_only_and_bicubic(several):
    with_image = {'image': picture()}
    assert answer(several, **with_image).method == 'guided'
    assert answer(several, room=FAR, **with_image).method == 'guided'
    # the clock says what depth alone takes, and makes the guided one dear
    for stage in (1, 2):
        several._guided.costs.add(('guided_super_resolution', stage), HIGH, 50.0, several._clock())
    one = answer(several, room=5.0, **with_image)
    assert (one.method, one.stage, one.network) == ('depth_only', 2, 'depth_gan_x4')
    one = answer(several, room=-1.0, **with_image)
    assert (one.method, one.stage) == ('bicubic', 1)
    assert answer(several, room=FAR, size=HIGH).method == 'depth_only'  # no image, no guide


def test_a_method_that_is_asked_for_runs_whatever_time_there_is(several):
    for method in ('guided', 'depth_only', 'bicubic'):
        estimate = answer(several, room=-1.0, image=picture(), method=method)
        assert estimate.method == method
    assert answer(several, method='guided', size=HIGH).method == 'depth_only'
    with pytest.raises(ValueError, match="method must be one of auto, guided, depth_only, bicubic, got 'x'"):
        answer(several, method='x')


def test_where_less_than_everything_fits_the_guided_network_is_left_alone(several):
    estimate = answer(several, room=FAR, image=picture(), scale=0.5)
    assert (estimate.method, estimate.scale) == ('depth_only', 0.5)
    assert estimate.depth.shape == HIGH


def test_relative_depth_is_made_of_the_image_or_given(several, mono):
    made = answer(several, image=picture())
    expected = upscaler(guided=True).compute(slope(), picture(), mono.compute(picture()))
    np.testing.assert_array_equal(made.depth, expected.depth)
    assert next(iter(made.seconds)) == 'relative' and made.seconds['relative'] > 0
    given = several.compute(slope(), picture(), inverse())
    np.testing.assert_array_equal(
        given.depth, upscaler(guided=True).compute(slope(), picture(), inverse()).depth)
    nobody = SuperResolutionByBudget({4: upscaler()}, upscaler(guided=True))
    assert nobody.compute(slope(), picture()).method == 'depth_only'
    assert nobody.compute(slope(), picture(), inverse()).method == 'guided'


def test_relative_depth_is_inverse_near_is_large(mono):
    depth = mono._estimator.compute(picture()).depth
    relative = mono.compute(picture())
    assert relative.dtype == np.float32 and relative.shape == HIGH
    np.testing.assert_allclose(relative * depth, 1.0, rtol=1e-5)
    assert mono.source == 'mono_unet'


@pytest.mark.parametrize(('size', 'network'), [
    ((24, 32), 'x2'), ((48, 64), 'x2'), ((49, 64), 'x4'), ((96, 128), 'x4'), ((97, 128), 'x8'),
    ((192, 256), 'x8'), ((300, 400), 'x8')])
def test_the_smallest_factor_that_reaches_the_size_is_taken(several, size, network):
    estimate = answer(several, size=size, method='depth_only')
    assert estimate.network == f'depth_gan_{network}' and estimate.depth.shape == size


def test_ready_is_who_has_all_compiled_and_costs_are_those_of_interpolation(several):
    size = (*HIGH, *LOW)
    assert several.make_ready(size, (1.0, 0.5))
    fresh = SuperResolutionByBudget({4: upscaler(clock=Clock(0.0))}, upscaler(guided=True))
    assert not fresh.make_ready(size, SCALES)
    assert fresh.make_ready(size, SCALES)
    for grid, cost in ((LOW, 0.040), ((12, 16), 0.010), ((6, 8), 0.003)):
        fresh._plain[4].costs.add(('depth_gan_x4', 1), grid, cost, now=0.0)
    assert fresh.least_cost(size) == pytest.approx(0.040)
    assert [fresh.scale_for(size, seconds) for seconds in (0.050, 0.020, 0.005)] == [1.0, 0.5, 0.25]


def test_weights_are_loaded_by_what_they_are_for(tmp_path):
    four, eight = (super_resolution_networks.write(tmp_path / f'{factor}.safetensors', factor)
                   for factor in (4, 8))
    rgb = super_resolution_networks.write(tmp_path / 'g.safetensors', guided=True)
    alone = load_upscaler(eight, engine='torch')
    assert alone.compute(slope(), size=HIGH).network == 'depth_gan_x8'
    both = load_upscaler(four, rgb, engine='torch')
    assert both.compute(slope(), picture()).method == 'guided'
    said = both.describe()
    assert said['model'] == 'guided_super_resolution or depth_gan_x4' and said['relative'] == 'mono_unet'
    assert load_upscaler(four, rgb, '', engine='torch').describe()['relative'] == 'as given'
    with pytest.raises(ValueError, match=r'weights: .*g\.safetensors needs images; it is one for'):
        load_upscaler(rgb, engine='torch')
    with pytest.raises(ValueError, match=r'weights_guided: .*4\.safetensors does not look at images'):
        load_upscaler(four, four, engine='torch')
    with pytest.raises(ValueError, match='plain must be one network at least'):
        SuperResolutionByBudget({})
    with pytest.raises(FileNotFoundError, match='no weights at'):
        load_upscaler(str(tmp_path / 'none.safetensors'))
    with pytest.raises(FileNotFoundError, match='no weights at'):
        load_upscaler(four, rgb, 'nothing', engine='torch')


def test_auto_loads_the_shipped_ones_of_every_factor(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, 'SHIPPED', tmp_path / 'shipped')
    pretrained.SHIPPED.mkdir()
    for factor in (2, 4, 8):
        super_resolution_networks.write(tmp_path / f'{factor}.safetensors', factor)
        pretrained.ship(tmp_path / f'{factor}.safetensors', f'depth_gan_x{factor}')
    made = load_upscaler(engine='torch')
    assert made.describe()['model'] == 'depth_gan_x2 or depth_gan_x4 or depth_gan_x8'
    assert made.compute(slope(), size=(190, 250)).network == 'depth_gan_x8'


def test_every_kind_is_one_that_an_upscaler_takes():
    assert {upscaler(guided=guided).describe()['model'].removesuffix('_x4') for guided in (False, True)
            } == set(KINDS)

"""Checks without ground truth on scenes whose truth is known: right is right, and worse is worse."""

import cv2
import numpy as np
import pytest

from depth_models.evaluation import self_checks
from depth_models.frames import Camera

HEIGHT, WIDTH, SHIFT = 96, 128, 7
CAMERA = Camera(WIDTH, HEIGHT, 100.0, 100.0, 63.5, 47.5)


def texture(seed: int, width: int = WIDTH, smooth: float = 1.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (HEIGHT, width)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), smooth)
    return np.clip(128 + 40 * noise / noise.std(), 0, 255).astype(np.uint8)


def pair() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A wall: left column x shows what right column x - SHIFT does."""
    wide = texture(0, WIDTH + SHIFT)
    return wide[:, :WIDTH], wide[:, SHIFT:], np.full((HEIGHT, WIDTH), SHIFT, np.float32)


def floor_and_wall(noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Depth of a floor 1.5 m below the camera, up to a wall in 12 m, and where it is floor."""
    rows = (np.arange(HEIGHT)[:, None] - CAMERA.cy) / CAMERA.fy * np.ones((1, WIDTH))
    floor = np.divide(1.5, rows, out=np.full_like(rows, np.inf), where=rows > 0)
    depth = np.minimum(floor, 12.0)
    depth *= 1 + noise * np.random.default_rng(seed).normal(0, 1, depth.shape)
    return depth.astype(np.float32), floor < 12.0


# --- photometric


def test_the_true_disparity_leaves_no_photometric_error():
    left, right, disparity = pair()
    assert self_checks.photometric(left, right, disparity) == pytest.approx(0, abs=1e-3)


def test_photometric_error_grows_with_the_error_of_disparity():
    left, right, disparity = pair()
    errors = [self_checks.photometric(left, right, disparity + off) for off in (0.0, 0.5, 1.0, 2.0)]
    assert errors[0] < errors[1] < errors[2] < errors[3]
    assert errors[3] > 20  # of 40 levels of texture


def test_a_sign_error_shows():
    left, right, disparity = pair()
    assert self_checks.photometric(left, right, np.zeros_like(disparity)) > 20
    assert self_checks.photometric(right, left, disparity) > 20


def test_photometric_error_is_by_hand_what_is_left_after_mean_and_spread():
    left = np.tile(np.array([100, 140], np.uint8), (HEIGHT, WIDTH // 2))
    right = left.copy()
    right[:HEIGHT // 2, :2] = 120, 120
    # of zero disparity; the spread of the right one is a little less, so that its others are spread
    part = HEIGHT // 2 * 2 / left.size  # of the pixels are 120 instead of 100 or 140
    gain = 1 / np.sqrt(1 - part)
    expected = part * 20 + (1 - part) * 20 * (gain - 1)
    assert self_checks.photometric(left, right, np.zeros(left.shape, np.float32)) == \
        pytest.approx(expected, rel=1e-3)


def test_exposure_does_not_count_and_a_constant_image_is_no_division_by_zero():
    left, right, disparity = pair()
    darker = np.clip(right * 0.6 + 20, 0, 255).astype(np.uint8)
    assert self_checks.photometric(left, darker, disparity) < 1  # rounding to levels
    assert self_checks.photometric(left, np.full_like(right, 9), disparity) > 20


def test_colour_is_compared_as_grey_and_unknown_disparity_not_at_all():
    left, right, disparity = pair()
    disparity[:40] = np.nan
    disparity[60:, :64] += 3
    known = self_checks.photometric(left, right, disparity)
    in_colour = [np.repeat(image[..., None], 3, axis=2) for image in (left, right)]
    assert self_checks.photometric(*in_colour, disparity) == pytest.approx(known, abs=0.1)
    assert self_checks.photometric(left[40:], right[40:], disparity[40:]) == pytest.approx(known)
    assert np.isnan(self_checks.photometric(left, right, np.full_like(disparity, np.nan)))
    assert np.isnan(self_checks.photometric(left, right, np.full_like(disparity, WIDTH)))  # all outside


# --- left_right


def test_disparities_that_agree_and_those_that_do_not():
    disparity = np.full((HEIGHT, WIDTH), SHIFT, np.float32)
    assert self_checks.left_right(disparity, disparity) == 0
    assert self_checks.left_right(disparity, disparity + np.float32(0.9)) == 0
    assert self_checks.left_right(disparity, disparity + np.float32(1.1)) == 1
    half = disparity.copy()
    half[::2] += 5
    assert self_checks.left_right(disparity, half) == pytest.approx(0.5)
    unknown = half.copy()
    unknown[::2] = np.nan  # is not compared
    assert self_checks.left_right(disparity, unknown) == 0
    assert np.isnan(self_checks.left_right(disparity, np.full_like(half, np.nan)))


def test_a_mirrored_pair_has_the_right_disparity_of_a_scene_with_a_near_thing():
    """A real matcher, which finds left disparities only, finds the right ones in the mirror."""
    back, front = texture(1, WIDTH + 40), texture(2)
    views, truths = [], []
    for column in (0, 1):  # left, right
        view = back[:, 2 * column:2 * column + WIDTH].copy()
        truth = np.full(view.shape, 2, np.float32)
        start = 60 - 12 * column
        view[30:70, start:start + 30], truth[30:70, start:start + 30] = front[:40, :30], 12
        views.append(view)
        truths.append(truth)

    def match(left, right):
        found = cv2.StereoSGBM.create(0, 16, 5, 200, 800).compute(left, right).astype(np.float32) / 16
        found[found < 0] = np.nan
        return found

    right = match(*self_checks.mirrored(*views))[:, ::-1]
    known = np.isfinite(right)
    assert known.mean() > 0.7 and np.median(np.abs(right - truths[1])[known]) < 0.5
    left = match(*views)
    assert self_checks.left_right(left, right) < 0.05
    assert self_checks.left_right(left + np.float32(2), right) > 0.9
    # by the truth, what disagrees is what is hidden: as wide as the thing is displaced
    assert self_checks.left_right(*truths) == pytest.approx(40 * 10 / (HEIGHT * (WIDTH - 2)), rel=0.05)


# --- flicker


def test_depth_that_stays_does_not_flicker_and_trembling_is_measured():
    image, depth = texture(3), floor_and_wall()[0]
    assert self_checks.flicker(depth, depth, image, image) == 0
    assert self_checks.flicker(depth, depth * np.float32(1.1), image, image) == pytest.approx(0.1 / 1.05)
    rng = np.random.default_rng(0)
    trembling = [self_checks.flicker(depth, (depth * (1 + sigma * rng.normal(0, 1, depth.shape))).astype(
        np.float32), image, image) for sigma in (0.01, 0.02, 0.05)]
    assert trembling == pytest.approx([0.6745 * sigma for sigma in (0.01, 0.02, 0.05)], rel=0.1)


def test_only_what_stands_still_is_judged():
    image, depth = texture(3), np.full((HEIGHT, WIDTH), 5, np.float32)
    later, image_later = depth.copy(), image.copy()
    image_later[:, :64], later[:, :64] = texture(4)[:, :64], 2  # something came near
    assert self_checks.flicker(depth, later, image, image_later) == 0
    later[:, 80:] *= 1.5
    assert self_checks.flicker(depth, later, image, image_later) == pytest.approx(0.4)


def test_the_noise_of_a_camera_is_no_motion_but_a_camera_that_moves_is():
    image, depth = texture(3, smooth=2), np.full((HEIGHT, WIDTH), 5, np.float32)
    rng = np.random.default_rng(0)
    noisy = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    assert self_checks.flicker(depth, depth * 2, image, noisy) == pytest.approx(2 / 3)
    assert np.isnan(self_checks.flicker(depth, depth * 2, image, np.roll(image, 3, axis=1)))


def test_bare_walls_and_unknown_depth_are_not_judged():
    depth = np.full((HEIGHT, WIDTH), 5, np.float32)
    bare = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    assert np.isnan(self_checks.flicker(depth, depth * 2, bare, bare))
    unknown = np.full_like(depth, np.nan)
    assert np.isnan(self_checks.flicker(depth, unknown, texture(3), texture(3)))


# --- planarity


def test_a_floor_is_flat_and_has_its_share():
    depth, is_floor = floor_and_wall()
    found = self_checks.planarity(depth, CAMERA, np.random.default_rng(0))
    # the wall's share is the larger one, and the end of the floor lies within 5 % of it: one row of pixels
    assert found['share'] == pytest.approx((~is_floor).mean() + 1 / HEIGHT, abs=0.02)
    assert found['residual_relative'] < 0.001 and found['residual_m'] < 0.012
    depth[~is_floor] = np.nan
    found = self_checks.planarity(depth, CAMERA, np.random.default_rng(0))
    assert found['share'] == 1 and found['residual_m'] < 1e-6


def test_the_noise_of_a_wall_is_its_residual():
    for noise in (0.002, 0.005, 0.01):
        wall = (4 * (1 + noise * np.random.default_rng(1).normal(0, 1, (HEIGHT, WIDTH)))).astype(np.float32)
        found = self_checks.planarity(wall, CAMERA, np.random.default_rng(0))
        mean_of_normal = np.sqrt(2 / np.pi)
        assert found['residual_relative'] == pytest.approx(noise * mean_of_normal, rel=0.05)
        assert found['residual_m'] == pytest.approx(4 * noise * mean_of_normal, rel=0.05)
        assert found['share'] == pytest.approx(1, abs=0.01)


def test_planarity_gets_worse_with_depth():
    found = [self_checks.planarity(floor_and_wall(noise)[0], CAMERA, np.random.default_rng(0))
             for noise in (0.0, 0.01, 0.03, 0.2)]
    residuals, shares = ([one[name] for one in found] for name in ('residual_relative', 'share'))
    assert residuals[0] < residuals[1] < residuals[2]
    assert shares[0] > shares[2] > 2 * shares[3]  # beyond 5 % the share tells, not the residual
    bent, _ = floor_and_wall()
    bent = bent * (1 + 0.03 * np.sin(np.arange(WIDTH) / 10)).astype(np.float32)
    assert self_checks.planarity(bent, CAMERA, np.random.default_rng(0))['residual_relative'] > 0.01


def test_planarity_repeats_and_holes_do_not_matter():
    depth, _ = floor_and_wall(0.01)
    again = [self_checks.planarity(depth, CAMERA, np.random.default_rng(5)) for _ in range(2)]
    assert again[0] == again[1]
    depth[np.random.default_rng(2).random(depth.shape) < 0.8] = np.nan
    holes = self_checks.planarity(depth, CAMERA, np.random.default_rng(5))
    assert holes['residual_relative'] == pytest.approx(again[0]['residual_relative'], rel=0.1)
    assert holes['share'] == pytest.approx(again[0]['share'], abs=0.05)


def test_too_little_depth_has_no_plane():
    depth = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    depth[0, :50] = 3
    for case in (depth, np.full_like(depth, np.nan)):
        assert np.isnan(list(self_checks.planarity(case, CAMERA, np.random.default_rng(0)).values())).all()
    line = np.full_like(depth, np.nan)  # known along one row: many planes, none of them wrong
    line[10] = 3
    assert self_checks.planarity(line, CAMERA, np.random.default_rng(0)).keys() == {
        'residual_m', 'residual_relative', 'share'}


def test_sizes_that_differ_are_refused():
    left, right, disparity = pair()
    with pytest.raises(ValueError, match='left is 128x96 px, but disparity is 128x90 px'):
        self_checks.photometric(left, right, disparity[:90])
    with pytest.raises(ValueError, match='depth is 128x90 px, but camera is 128x96 px'):
        self_checks.planarity(disparity[:90], CAMERA, np.random.default_rng(0))

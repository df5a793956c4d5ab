"""How the networks of one camera take an image: brightness is equalized, colours go along."""

import numpy as np
import pytest
import torch
from mono_pictures import settled

from depth_models.networks.coarse_to_fine import CoarseToFine, CoarseToFineConfig
from depth_models.networks.mono_parts import LEVELS, STEEPEST, equalized
from depth_models.networks.mono_unet import MonoUNet, MonoUNetConfig

LUMA = np.array([0.299, 0.587, 0.114])


def photo(size=(60, 80)) -> np.ndarray:
    """[H,W,3] in 0..255: dark, most of it in a third of the range, as a photograph of a room is."""
    rows, columns = np.indices(size) / np.array(size)[:, None, None]
    bright = 30 + 60 * rows + 25 * np.sin(9 * columns) + 50 * (columns > 0.9)
    return np.maximum(bright[..., None] + np.array([8.0, 0.0, -12.0]), 0)


def through(image: np.ndarray) -> np.ndarray:
    return equalized(torch.from_numpy(image)[None])[0].numpy()


def bright(image: np.ndarray) -> np.ndarray:
    return image @ LUMA


def test_brightness_is_spread_over_the_range():
    before, after = (np.histogram(bright(image), 8, (0, 256))[0] / 4800
                     for image in (photo(), through(photo())))
    assert before.max() > 0.3 and (before == 0).any()
    assert after.min() > 0.05 and after.max() < 0.22  # 0.125 each, were the bins no bins


@pytest.mark.parametrize('change', [
    lambda image: 255 * (image / 255) ** 0.6, lambda image: 255 * (image / 255) ** 1.5,
    lambda image: 0.7 * image, lambda image: 40 + 0.8 * image])
def test_exposure_and_tone_curve_change_little(change):
    image = photo()
    other = bright(change(image))
    grey = np.repeat(bright(image)[..., None], 3, 2), np.repeat(other[..., None], 3, 2)
    before = np.abs(grey[0] - grey[1]).mean()
    after = np.abs(through(grey[0]) - through(grey[1])).mean()
    assert before > 15 and after < 0.35 * before


def test_an_order_of_brightness_stays_and_colours_go_along():
    image = photo()
    seen = through(image)
    order = np.argsort(bright(image), axis=None)
    assert (np.diff(bright(seen).ravel()[order]) > -0.6).all()  # but for what ends at 0 or 255
    inside = ((seen > 0) & (seen < 255)).all(2)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(np.ptp((seen - image)[inside], 1), 0, atol=1e-3)


def test_the_noise_of_a_bare_wall_does_not_fill_the_range():
    rng = np.random.default_rng(7)
    wall = np.repeat(120 + rng.normal(0, 1.5, (60, 80, 1)), 3, 2)
    assert bright(through(wall)).std() <= (STEEPEST + 1) * bright(wall).std()
    flat = through(np.full((32, 32, 3), 255.0 / LEVELS))
    assert np.isfinite(flat).all() and flat.std() == 0


def test_images_of_a_batch_do_not_see_each_other():
    two = torch.from_numpy(np.stack([photo(), 255 - photo()]))
    np.testing.assert_allclose(equalized(two)[0], through(photo()), atol=1e-3)


@pytest.mark.parametrize('make', [
    lambda on: MonoUNet(MonoUNetConfig(equalized=on)),
    lambda on: CoarseToFine(CoarseToFineConfig(equalized=on))])
def test_networks_equalize_where_their_config_says_so(make):
    torch.manual_seed(1)
    on = settled(make(True))
    off = make(False).eval()
    off.load_state_dict(on.state_dict())
    image = torch.from_numpy(photo((64, 64))[None].astype(np.float32))
    with torch.no_grad():
        outputs = [network(one) for network, one in ((on, image), (off, equalized(image)), (off, image))]
    depth = [(output[-1] if isinstance(output[0], tuple) else output).depth for output in outputs]
    torch.testing.assert_close(depth[0], depth[1])
    assert (depth[0] - depth[2]).abs().max() > 1e-4

"""Losses of one camera beside what a few lines of arithmetic give."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from depth_models.networks.mono_parts import DepthOutput
from depth_models.training.mono_losses import (
    CONFIDENCE_WEIGHT,
    CoarseToFineLossWeights,
    UNetLossWeights,
    coarse_to_fine_loss,
    confidence_loss,
    edge_weights,
    gradient_matching,
    is_close,
    scale_invariant,
    ssim,
    unet_loss,
    usable,
)


def maps(*rows: list[float]) -> torch.Tensor:
    """[1,1,h,w]."""
    return torch.tensor(rows)[None, None]


def everywhere(like: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(like, dtype=torch.bool)


def says(depth: torch.Tensor, confidence: float = 0.0) -> DepthOutput:
    return DepthOutput(depth, torch.full_like(depth, confidence), torch.logit(depth))


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_scale_invariant_loss_by_hand():
    """d = 1, 2, 3: mean square 14/3, square of the mean 4."""
    difference = maps([1.0, 2.0, 3.0, 99.0])
    use = maps([1.0, 1.0, 1.0, 0.0]).bool()
    assert scale_invariant(difference, use, 0.5).item() == pytest.approx(14 / 3 - 2)
    assert scale_invariant(difference, use, 0.0).item() == pytest.approx(14 / 3)
    assert scale_invariant(difference + 7, use, 1.0).item() == pytest.approx(14 / 3 - 4, abs=1e-4)


def test_scale_invariant_loss_is_of_each_image_and_leaves_out_those_without_truth():
    """Images with offsets +1 and -1: halved for each; together they would not cancel."""
    difference = torch.cat([maps([1.0, 1.0]), maps([-1.0, -1.0]), maps([5.0, 5.0])])
    use = torch.cat([maps([1.0, 1.0]), maps([1.0, 0.0]), maps([0.0, 0.0])]).bool()
    assert scale_invariant(difference, use).item() == pytest.approx(0.5)


def test_coarse_to_fine_loss_by_hand():
    """Depth 2 and 4 m said, 1 and 1 m true: d = ln 2, ln 4; medians make 4 m of ratio 1.33, 2 m of 0.67."""
    output = says(maps([0.2, 0.4, 0.9]), 0.0)
    target = maps([1.0, 1.0, math.nan])
    loss = coarse_to_fine_loss(output, target, valid=target.isfinite(), max_depth=10.0)
    mean_square, offset = 2.5 * math.log(2) ** 2, 1.5 * math.log(2)
    expected = mean_square - 0.5 * offset ** 2 + CONFIDENCE_WEIGHT * math.log(2)  # of a confidence of 1/2
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_gradient_matching_by_hand():
    """Differences 0, 1, 1 in a row: one step of 1 in two pairs; then every other, every fourth pixel."""
    row = maps([0.0, 1.0, 1.0, 1.0, 5.0])
    known = maps([1.0, 1.0, 1.0, 1.0, 0.0]).bool()
    # px apart 1: steps 1, 0, 0 of known pairs; 2: from 0 to 1; 4 and 8: no pair is left
    assert gradient_matching(row, known).item() == pytest.approx(1 / 3 + 1)
    column = row.transpose(2, 3)
    assert gradient_matching(column, known.transpose(2, 3)).item() == pytest.approx(1 / 3 + 1)
    assert gradient_matching(row + 7, known) == gradient_matching(row, known)  # scale does not count


def test_the_weights_of_the_loss_on_logarithms():
    output = says(maps([0.2, 0.4, 0.9]), 0.0)
    target = maps([1.0, 1.0, math.nan])
    options = {'valid': target.isfinite(), 'max_depth': 10.0}
    plain, other = (coarse_to_fine_loss(output, target, weights=weights, **options).item() for weights in (
        CoarseToFineLossWeights(), CoarseToFineLossWeights(balance=1.0, gradients=3.0)))
    offset, step = 1.5 * math.log(2), math.log(2)
    assert other == pytest.approx(plain - 0.5 * offset ** 2 + 3.0 * step, rel=1e-5)
    image = torch.zeros(1, 1, 3, 3)
    alone, with_l1, twice, less = (
        unet_loss(output, target, image=image, weights=weights, **options).item() for weights in (
            UNetLossWeights(0, 0, 0, 1), UNetLossWeights(2, 0, 0, 1), UNetLossWeights(0, 0, 0, 2),
            UNetLossWeights(0, 0, 0, 2, gradients=0.1)))
    assert with_l1 - alone == pytest.approx((0.1 + 0.3) / 2, rel=1e-4)
    assert twice - less == pytest.approx(2 * (0.5 - 0.1) * step, rel=1e-4)


def test_edges_of_the_image_weigh_by_equation_6():
    image = torch.zeros(1, 2, 3, 3)
    image[0, :, 1:] = 255.0  # a step of 1 between columns 0 and 1, of all channels
    image[0, 1, 2, 0] = 0.0  # one channel of three: a step of 1/3 from above and from the left
    full, third = 1 - math.exp(-1), 1 - math.exp(-1 / 3)
    torch.testing.assert_close(edge_weights(image), maps([full, 0.0, third], [full, third, 0.0]))
    torch.testing.assert_close(edge_weights(image.byte()), edge_weights(image))


def test_ssim_of_flat_maps_is_its_term_of_means():
    a, b = torch.full((1, 1, 16, 16), 0.2), torch.full((1, 1, 16, 16), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2 ** 2 + 0.6 ** 2 + 1e-4)
    torch.testing.assert_close(ssim(a, b, everywhere(a)), torch.full_like(a, expected), atol=1e-3, rtol=0)
    torch.testing.assert_close(ssim(a, a, everywhere(a)), torch.ones_like(a), atol=1e-4, rtol=0)


def test_ssim_is_the_usual_one_away_from_the_border():
    a, b = noise(1, 1, 32, 40), noise(1, 1, 32, 40, seed=2)
    b = 0.7 * a + 0.3 * b
    x, y = a[0, 0].double().numpy(), b[0, 0].double().numpy()
    blur = lambda z: gaussian_filter(z, 1.5, truncate=3.4)  # noqa: E731 - 11 x 11
    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y, cov = blur(x * x) - mean_x ** 2, blur(y * y) - mean_y ** 2, blur(x * y) - mean_x * mean_y
    expected = ((2 * mean_x * mean_y + 1e-4) * (2 * cov + 9e-4)
                / ((mean_x ** 2 + mean_y ** 2 + 1e-4) * (var_x + var_y + 9e-4)))
    inner = (slice(5, -5), slice(5, -5))
    assert 0.3 < expected[inner].mean() < 0.95
    np.testing.assert_allclose(ssim(a, b, everywhere(a))[0, 0].numpy()[inner], expected[inner], atol=1e-4)


def test_what_is_not_in_use_does_not_enter_ssim():
    a, b = noise(1, 1, 24, 24), noise(1, 1, 24, 24, seed=2)
    use = noise(1, 1, 24, 24, seed=3) > 0.3
    wild = torch.where(use, b, 0.99)
    torch.testing.assert_close(ssim(a, b, use), ssim(a, wild, use))
    assert not torch.allclose(ssim(a, b, use)[use], ssim(a, wild, everywhere(a))[use])


def test_ssim_can_be_climbed():
    truth = noise(1, 1, 16, 16)
    guess = torch.full_like(truth, 0.5, requires_grad=True)
    optimizer = torch.optim.Adam([guess], lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        loss = 1 - ssim(guess, truth, everywhere(truth)).mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_unet_loss_by_hand():
    """Everywhere 0.1 beside the truth of 0.5, in a grey image with a step of 1 in the middle."""
    output = says(torch.full((1, 1, 8, 8), 0.6))
    target = torch.full((1, 1, 8, 8), 5.0)
    image = torch.zeros(1, 8, 8, 3)
    image[:, :, 4:] = 255.0
    options = {'image': image, 'valid': everywhere(target), 'max_depth': 10.0}
    structure = 1 - (2 * 0.6 * 0.5 + 1e-4) / (0.6 ** 2 + 0.5 ** 2 + 1e-4)
    edges = 0.1 * (1 - math.exp(-1)) / 8  # one column of eight
    sure = CONFIDENCE_WEIGHT * math.log(2)
    expected = (2 * 0.1 + 1 * structure + 5 * edges) / 8
    assert unet_loss(output, target, **options).item() == pytest.approx(expected + sure, abs=1e-4)
    other = unet_loss(output, target, weights=UNetLossWeights(1, 0, 1), **options).item()
    assert other == pytest.approx((0.1 + edges) / 2 + sure, abs=1e-5)


def test_pixels_of_unknown_depth_count_for_nothing_even_in_gradients():
    target = 10 * noise(2, 1, 16, 16) + 0.1
    target[0, :, :, 8:] = math.nan
    target[1] = math.nan
    target[0, 0, 0, 0] = -1.0
    target[0, 0, 1, 0] = 11.0  # beyond the range
    used = usable(target, target.isfinite(), 10.0)[1]
    image = 255 * noise(2, 16, 16, 3)
    for loss in (lambda o: unet_loss(o, target, image=image, valid=target.isfinite(), max_depth=10.0),
                 lambda o: coarse_to_fine_loss(o, target, valid=target.isfinite(), max_depth=10.0)):
        logit = noise(2, 1, 16, 16, seed=5).requires_grad_()
        value = loss(DepthOutput(torch.sigmoid(logit), torch.zeros_like(logit), logit))
        value.backward()
        assert value.isfinite() and logit.grad.isfinite().all()
        assert (logit.grad[~used] == 0).all() and (logit.grad[used] != 0).float().mean() > 0.99
        elsewhere = torch.where(used, logit, 3.0).detach()
        torch.testing.assert_close(
            loss(DepthOutput(torch.sigmoid(elsewhere), torch.zeros_like(elsewhere), elsewhere)), value)


def test_without_any_truth_a_loss_is_zero():
    target = torch.full((1, 1, 8, 8), math.nan)
    output = says(torch.full((1, 1, 8, 8), 0.5))
    valid = target.isfinite()
    assert coarse_to_fine_loss(output, target, valid=valid, max_depth=10.0) == 0
    assert unet_loss(output, target, image=torch.zeros(1, 8, 8, 3), valid=valid, max_depth=10.0) == 0


def test_close_is_within_a_quarter_after_the_medians_of_each_image():
    target = torch.cat([maps([1.0, 2.0, 4.0, 100.0]), maps([3.0, 3.0, 3.0, 3.0])])
    depth = torch.cat([maps([0.1, 0.24, 0.52, 0.0]), maps([0.3, 0.3 * 1.2, 0.3, 0.3 / 1.3])])
    use = torch.cat([maps([1.0, 1.0, 1.0, 0.0]), maps([1.0, 1.0, 1.0, 1.0])]).bool()
    # image 0 is scaled by 2 / 0.24: ratios 0.83, 1, 1.08; image 1 by 10: ratios 1, 1.2, 1, 0.77
    assert is_close(depth, target, use).flatten().tolist() == [
        True, True, True, False, True, True, True, False]
    assert torch.equal(is_close(17 * depth, target, use), is_close(depth, target, use))


def test_confidence_should_be_high_where_it_is_right_and_only_there():
    target = maps([2.0, 2.0, 2.0, 2.0])
    depth = maps([0.2, 0.2, 0.2, 0.5])
    right = torch.tensor([4.0, 4.0, 4.0, -4.0]).view(1, 1, 1, 4)
    losses = [confidence_loss(DepthOutput(depth, confidence, torch.logit(depth)), target, everywhere(target))
              for confidence in (right, torch.zeros_like(right), -right)]
    assert losses[0].item() == pytest.approx(math.log(1 + math.exp(-4)), rel=1e-4)
    assert losses[1].item() == pytest.approx(math.log(2), rel=1e-4)
    assert losses[2].item() == pytest.approx(4 + math.log(1 + math.exp(-4)), rel=1e-4)


def test_weights_that_are_no_weights_are_refused():
    with pytest.raises(ValueError, match='must be 0 or more'):
        UNetLossWeights(l1=-1.0)
    with pytest.raises(ValueError, match='one of them above'):
        UNetLossWeights(0, 0, 0)
    with pytest.raises(ValueError, match='balance must lie in 0 to 1'):
        CoarseToFineLossWeights(balance=1.5)
    with pytest.raises(ValueError, match='gradients must be 0 or more'):
        CoarseToFineLossWeights(gradients=-1.0)

"""Readers of stereo data sets, on tiny files in the true layouts."""

import pickle

import cv2
import numpy as np
import pytest

from depth_models.data import formats, shards, stereo_datasets
from depth_models.data.stereo_datasets import (
    Eth3d,
    Kitti2012,
    Kitti2015,
    LayoutError,
    Middlebury,
    PairsFolder,
    SceneFlow,
    open_stereo_dataset,
)
from depth_models.data.stereo_datasets.files import consistent

H, W = 4, 6
CALIBRATION = """cam0=[500 0 2.5; 0 501 1.5; 0 0 1]
cam1=[500 0 3.5; 0 501 1.5; 0 0 1]
doffs=1
baseline=120
width={width}
height={height}
ndisp=20
"""


def picture(seed, height=H, width=W):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def write_image(path, image):
    """RGB or grey, as a file of the kind that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def write_pfm(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    formats.write_pfm(path, values)


def truth(height=H, width=W):
    """Disparities in quarters of a px, one of them unknown."""
    values = (np.arange(height * width, dtype=np.float32).reshape(height, width) % 12 + 4) / 4
    values[1, 2] = np.nan
    return values


def write_kitti(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    formats.write_kitti_disparity(path, values)


def test_scene_flow_of_three_sub_sets(tmp_path):
    scenes = ['FlyingThings3D/{}/TRAIN/A/0000/{}/0006', 'FlyingThings3D/{}/TEST/B/0001/{}/0007',
              'Driving/{}/15mm_focallength/scene_forwards/fast/{}/0001',
              'Monkaa/{}/a_rain_of_stones_x2/{}/0000']
    for number, scene in enumerate(scenes):
        for side, seed in (('left', number), ('right', 100 + number)):
            write_image(tmp_path / (scene.format('frames_cleanpass', side) + '.png'), picture(seed))
        write_pfm(tmp_path / (scene.format('disparity', 'left') + '.pfm'), -truth() - number)
    pairs = SceneFlow(tmp_path)
    assert pairs.names == ['Driving/15mm_focallength/scene_forwards/fast/0001',
                           'FlyingThings3D/TEST/B/0001/0007', 'FlyingThings3D/TRAIN/A/0000/0006',
                           'Monkaa/a_rain_of_stones_x2/0000']
    assert len(pairs) == 4
    sample = pairs[2]
    np.testing.assert_array_equal(sample.left, picture(0))
    np.testing.assert_array_equal(sample.right, picture(100))
    np.testing.assert_array_equal(sample.disparity, truth())  # stored negative
    assert sample.visible is None and sample.camera is None
    assert SceneFlow(tmp_path, split='test').names == ['FlyingThings3D/TEST/B/0001/0007']
    assert 'FlyingThings3D/TEST/B/0001/0007' not in SceneFlow(tmp_path, split='train').names
    assert len(SceneFlow(tmp_path, split='train')) == 3
    assert SceneFlow(tmp_path / 'FlyingThings3D').names == ['TEST/B/0001/0007', 'TRAIN/A/0000/0006']
    assert [sample.left.shape for sample in pairs] == [(H, W, 3)] * 4
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(pairs))[0].left, pairs[0].left)
    with pytest.raises(ValueError, match='none of the 1 pairs here is of the test split'):
        SceneFlow(tmp_path / 'Monkaa', split='test')
    with pytest.raises(ValueError, match='split must be one of train, test'):
        SceneFlow(tmp_path, split='val')
    with pytest.raises(LayoutError, match=r'Driving: expected frames_finalpass .* beside the folder'):
        SceneFlow(tmp_path, rendering='finalpass')


def test_scene_flow_subset_webp_finalpass_and_what_is_occluded(tmp_path):
    for side in ('left', 'right'):
        write_image(tmp_path / 'train/image_final' / side / '0000000.webp', picture(1))
        write_pfm(tmp_path / 'train/disparity' / side / '0000000.pfm', np.full((H, W), 2, np.float32))
    pairs = SceneFlow(tmp_path)
    assert pairs.names == ['train/0000000']
    np.testing.assert_array_equal(pairs[0].visible, np.arange(W) >= np.full((H, 1), 2))
    assert len(SceneFlow(tmp_path, rendering='finalpass', split='train')) == 1
    (tmp_path / 'train/image_final/right/0000000.webp').unlink()
    with pytest.raises(FileNotFoundError, match=r'right/0000000: no image of this name .*0000000.pfm'):
        SceneFlow(tmp_path)


P2 = ('7.215377e+02 0.0 6.095593e+02 4.485728e+01 0.0 7.215377e+02 1.728540e+02 2.163791e-01 '
      '0.0 0.0 1.0 2.745884e-03')
P3 = ('7.215377e+02 0.0 6.095593e+02 -3.395242e+02 0.0 7.215377e+02 1.728540e+02 2.199936e+00 '
      '0.0 0.0 1.0 2.729905e-03')


def kitti_2015(folder):
    both = truth()
    both[:, :2] = np.nan  # occluded
    for frame in ('000000_10', '000003_10'):
        for name, seed in (('image_2', 1), ('image_3', 2)):
            write_image(folder / name / f'{frame}.png', picture(seed))
            write_image(folder / name / f'{frame[:-2]}11.png', picture(9))  # the next frame
        write_kitti(folder / 'disp_occ_0' / f'{frame}.png', truth())
    write_kitti(folder / 'disp_noc_0/000000_10.png', both)
    (folder / 'calib_cam_to_cam').mkdir()
    (folder / 'calib_cam_to_cam/000000.txt').write_text(
        f'calib_time: 09-Jan-2012 14:00:15\nS_02: 1.39e+03 5.12e+02\nP_rect_02: {P2}\nP_rect_03: {P3}\n')


def test_kitti_2015(tmp_path):
    kitti_2015(tmp_path / 'training')
    for folder in (tmp_path, tmp_path / 'training'):
        pairs = Kitti2015(folder)
        assert pairs.names == ['000000', '000003']
    sample, without = pairs
    np.testing.assert_array_equal(sample.left, picture(1))
    np.testing.assert_array_equal(sample.right, picture(2))
    np.testing.assert_array_equal(sample.disparity, truth())
    expected = np.isfinite(truth())
    expected[:, :2] = False
    np.testing.assert_array_equal(sample.visible, expected)
    assert (sample.camera.left.width, sample.camera.left.height) == (W, H)
    assert (sample.camera.left.fx, sample.camera.left.cx) == (721.5377, 609.5593)
    assert sample.camera.baseline == pytest.approx((44.85728 + 339.5242) / 721.5377)
    assert sample.camera.principal_point_difference == 0
    assert without.visible is None and without.camera is None
    np.testing.assert_array_equal(without.disparity, truth())


def test_kitti_2015_with_the_non_occluded_ground_truth_only(tmp_path):
    kitti_2015(tmp_path)
    (tmp_path / 'disp_occ_0/000000_10.png').unlink()
    sample = Kitti2015(tmp_path)[0]
    assert np.isnan(sample.disparity[:, :2]).all()
    np.testing.assert_array_equal(sample.visible, np.isfinite(sample.disparity))


@pytest.mark.parametrize(('cameras', 'projections'), [
    (('colored_0', 'colored_1'), ('P2', 'P3')), (('image_0', 'image_1'), ('P0', 'P1'))])
def test_kitti_2012_in_colour_and_in_grey(tmp_path, cameras, projections):
    for name, seed in zip(cameras, (1, 2)):
        write_image(tmp_path / name / '000005_10.png', picture(seed)[..., 0])
    for name in ('disp_occ', 'disp_noc'):
        write_kitti(tmp_path / name / '000005_10.png', truth())
    (tmp_path / 'calib').mkdir()
    calibration = tmp_path / 'calib/000005.txt'
    calibration.write_text(''.join(f'{name}: {values}\n' for name, values in zip(projections, (P2, P3))))
    sample = Kitti2012(tmp_path)[0]
    np.testing.assert_array_equal(sample.left, np.repeat(picture(1)[..., :1], 3, axis=2))
    np.testing.assert_array_equal(sample.disparity, truth())
    np.testing.assert_array_equal(sample.visible, np.isfinite(truth()))
    assert sample.camera.baseline == pytest.approx(0.5327, abs=1e-4)
    calibration.write_text('P9: 1\n')
    with pytest.raises(ValueError, match=f'000005.txt: no line "{projections[0]}: ..."'):
        Kitti2012(tmp_path)[0]
    calibration.write_text(f'{projections[0]}: 1 2 three\n')
    with pytest.raises(ValueError, match=f'000005.txt: {projections[0]} is not 12 numbers: 1 2 three'):
        Kitti2012(tmp_path)[0]
    calibration.write_text(''.join(f'{name}: {P2}\n' for name in projections))
    with pytest.raises(ValueError, match=r'000005\.txt: the baseline from .* is 0 m, not over 0'):
        Kitti2012(tmp_path)[0]


def grey_scene(folder, names, height, width=W):
    left, right, disparity = names
    write_image(folder / left, picture(1, height, width))
    write_image(folder / right, picture(2, height, width))
    steps = np.full((height, width), 48, np.uint8)
    steps[0, 0] = 0
    write_image(folder / disparity, steps)


@pytest.mark.parametrize(('names', 'height', 'expected'), [
    (('scene1.row3.col3.ppm', 'scene1.row3.col4.ppm', 'truedisp.row3.col3.pgm'), 288, 3.0),
    (('im2.ppm', 'im6.ppm', 'disp2.pgm'), 383, 6.0),  # Venus
    (('im2.ppm', 'im6.ppm', 'disp2.pgm'), 381, 6.0),
    (('im2.png', 'im6.png', 'disp2.png'), 375, 12.0),
    (('im2.ppm', 'im6.ppm', 'disp2.pgm'), 750, 24.0),
    (('im2.ppm', 'im6.ppm', 'disp2.pgm'), 1500, 48.0),
    (('view1.png', 'view5.png', 'disp1.png'), 370, 16.0),
    (('view1.png', 'view5.png', 'disp1.png'), 555, 24.0),
    (('view1.png', 'view5.png', 'disp1.png'), 1110, 48.0)])
def test_middlebury_until_2006_is_scaled_by_its_size(tmp_path, names, height, expected):
    grey_scene(tmp_path / 'scene', names, height)
    sample = Middlebury(tmp_path)[0]
    np.testing.assert_array_equal(sample.left, picture(1, height))
    np.testing.assert_array_equal(sample.right, picture(2, height))
    assert np.isnan(sample.disparity[0, 0])
    assert np.unique(sample.disparity[np.isfinite(sample.disparity)]).tolist() == [expected]
    assert sample.visible is None and sample.camera is None


def test_middlebury_of_an_unknown_size_needs_to_be_told_its_scale(tmp_path):
    grey_scene(tmp_path / 'Art', ('view1.png', 'view5.png', 'disp1.png'), 100)
    pairs = Middlebury(tmp_path)
    with pytest.raises(ValueError, match=r'Art/disp1.png: no Middlebury set with view1 and disp1 is '
                                         r'6x100 px \(their heights are 370, 555, 1110\).*steps_per_px'):
        pairs[0]
    assert Middlebury(tmp_path, steps_per_px=6)[0].disparity[5, 5] == 8.0
    with pytest.raises(ValueError, match='steps_per_px must be over 0, got 0'):
        Middlebury(tmp_path, steps_per_px=0)


def test_middlebury_scenes_of_many_years_in_one_folder(tmp_path):
    grey_scene(tmp_path / 'Art', ('view1.png', 'view5.png', 'disp1.png'), 370)
    steps = np.full((370, W), 6, np.uint8)  # 2 px at third size
    steps[:, 1] = 0
    for name in ('disp1.png', 'disp5.png'):
        write_image(tmp_path / 'Art' / name, steps)
    grey_scene(tmp_path / 'cones', ('im2.png', 'im6.png', 'disp2.png'), 375)
    scene = tmp_path / 'Motorcycle-perfect'
    for name, seed in (('im0.png', 3), ('im1.png', 4)):
        write_image(scene / name, picture(seed))
    write_pfm(scene / 'disp0.pfm', truth())
    (scene / 'calib.txt').write_text(CALIBRATION.format(width=W, height=H))
    evaluation = tmp_path / 'Teddy'
    for name in ('im0.png', 'im1.png'):
        write_image(evaluation / name, picture(5))
    write_pfm(evaluation / 'disp0GT.pfm', truth())
    mask = np.full((H, W), 255, np.uint8)
    mask[0, 0], mask[1, 2] = 128, 0
    write_image(evaluation / 'mask0nocc.png', mask)
    write_image(tmp_path / 'test_scene/im0.png', picture(6))  # without ground truth
    write_image(tmp_path / 'test_scene/im1.png', picture(6))

    pairs = Middlebury(tmp_path)
    assert pairs.names == ['Art', 'Motorcycle-perfect', 'Teddy', 'cones']
    art, motorcycle, teddy, cones = pairs
    # column 3 goes to column 1, which is unknown in the right view; 0 and 1 go outside
    np.testing.assert_array_equal(art.visible[7], [False, False, True, False, True, True])
    np.testing.assert_array_equal(motorcycle.disparity, truth())
    assert motorcycle.camera.left.fx == 500 and motorcycle.camera.baseline == pytest.approx(0.12)
    assert motorcycle.camera.principal_point_difference == -1
    assert motorcycle.visible is None
    np.testing.assert_array_equal(teddy.visible, mask == 255)
    assert cones.disparity[9, 3] == 12
    assert Middlebury(scene).names == ['Motorcycle-perfect']  # one scene by itself


@pytest.mark.parametrize(('opened', 'images', 'truths'), [
    ('', 'two_view_training', 'two_view_training_gt'), ('', 'training', 'training_gt'),
    ('two_view_training', 'two_view_training', 'two_view_training_gt'), ('all', 'all', 'all')])
def test_eth3d_with_ground_truth_apart_or_in_the_same_folder(tmp_path, opened, images, truths):
    for name, seed in (('im0.png', 1), ('im1.png', 2)):
        write_image(tmp_path / images / 'delivery_area_1l' / name, picture(seed)[..., 0])
    (tmp_path / images / 'delivery_area_1l/calib.txt').write_text(
        CALIBRATION.format(width=W, height=H))
    write_pfm(tmp_path / truths / 'delivery_area_1l/disp0GT.pfm', truth())
    mask = np.where(np.arange(W) < np.full((H, 1), 2), 128, 255).astype(np.uint8)
    write_image(tmp_path / truths / 'delivery_area_1l/mask0nocc.png', mask)
    pairs = Eth3d(tmp_path / opened)
    assert pairs.names == ['delivery_area_1l']
    np.testing.assert_array_equal(pairs[0].left, np.repeat(picture(1)[..., :1], 3, axis=2))
    np.testing.assert_array_equal(pairs[0].disparity, truth())
    np.testing.assert_array_equal(pairs[0].visible, mask == 255)
    assert pairs[0].camera.baseline == pytest.approx(0.12)


def scenes_folder(root):
    """One pair as PFM with everything, one as JPEG and PNG."""
    for name, seed in (('im0.png', 1), ('im1.png', 2)):
        write_image(root / 'b' / name, picture(seed))
    write_pfm(root / 'b/disp0.pfm', truth())
    write_image(root / 'b/mask0nocc.png', np.full((H, W), 255, np.uint8))
    (root / 'b/calib.txt').write_text(CALIBRATION.format(width=W, height=H))
    for name in ('im0.jpg', 'im1.jpg'):
        write_image(root / 'a' / name, picture(3))
    write_kitti(root / 'a/disp0.png', truth())


def test_a_plain_folder_with_a_folder_for_each_pair(tmp_path):
    scenes_folder(tmp_path)
    pairs = PairsFolder(tmp_path)
    assert pairs.names == ['a', 'b']
    np.testing.assert_array_equal(pairs[0].disparity, truth())
    assert pairs[0].visible is None and pairs[0].camera is None
    np.testing.assert_array_equal(pairs[1].disparity, truth())
    np.testing.assert_array_equal(pairs[1].left, picture(1))
    assert pairs[1].visible.all() and pairs[1].camera.left.fy == 501


def test_a_plain_folder_with_all_pairs_side_by_side(tmp_path):
    for name in ('first', 'second'):
        write_image(tmp_path / f'left/{name}.png', picture(1))
        write_image(tmp_path / f'right/{name}.png', picture(2))
    write_pfm(tmp_path / 'disparity/first.pfm', truth())
    write_kitti(tmp_path / 'disparity/second.png', truth() + 1)
    (tmp_path / 'calib.txt').write_text(CALIBRATION.format(width=W, height=H))
    pairs = open_stereo_dataset(tmp_path)
    assert isinstance(pairs, PairsFolder) and pairs.names == ['first', 'second']
    np.testing.assert_array_equal(pairs[0].right, picture(2))
    np.testing.assert_array_equal(pairs[1].disparity, truth() + 1)
    assert [sample.camera.baseline for sample in pairs] == [pytest.approx(0.12)] * 2


def test_consistency_of_both_views_is_what_makes_a_pixel_visible():
    left = np.array([[1, 1, 2, 2, 2, np.nan]], np.float32)
    right = np.array([[2, np.nan, 4, 1.5, 2, 2]], np.float32)
    # matched columns: -1 outside, 0 wrong by 1 (still right), 0, 1 unknown, 2 wrong by 2, unknown
    np.testing.assert_array_equal(consistent(left, right), [[False, True, True, False, False, False]])


def broken(path, image=None):
    """Replace a file by half of it, or by another image."""
    if image is None:
        data = path.read_bytes()
        path.write_bytes(data[:len(data) // 2])
    else:
        write_image(path, image)


@pytest.mark.parametrize(('spoil', 'message'), [
    (lambda b: broken(b / 'im1.png', picture(1, H, W + 1)),
     r'b/im1.png: 7x4 px, but the left image is 6x4 px'),
    (lambda b: write_pfm(b / 'disp0.pfm', truth(H + 1)), r'b/disp0.pfm: 6x5 px, but the left image'),
    (lambda b: write_pfm(b / 'disp0.pfm', picture(1).astype(np.float32)), r'disp0.pfm: a grey PFM'),
    (lambda b: broken(b / 'mask0nocc.png', picture(1, 2, 2)[..., 0]),
     r'b/mask0nocc.png: 2x2 px, but the left image is 6x4 px'),
    (lambda b: (b / 'calib.txt').write_text(CALIBRATION.format(width=9, height=H)),
     r'b/calib.txt: 9x4 px, but the left image'),
    (lambda b: broken(b / 'im0.png'), r'b/im0.png: the image is cut off after \d+ bytes'),
    (lambda b: broken(b / 'disp0.pfm'), r'b/disp0.pfm: 6x4 px need 96 bytes, the file has'),
    (lambda b: (b / 'im0.png').write_text('text'), r'b/im0.png: not an image that can be decoded'),
    (lambda b: (b / 'disp0.pfm').write_bytes(
        (b / 'disp0.pfm').read_bytes().replace(b'-1.0', b'1.0')),
     r'b/disp0.pfm: its byte order is not the big-endian one that the scale 1 in its header says')])
def test_a_broken_file_is_one_sentence_that_names_it(tmp_path, spoil, message):
    scenes_folder(tmp_path)
    spoil(tmp_path / 'b')
    pairs = PairsFolder(tmp_path)
    pairs[0]
    with pytest.raises(ValueError, match=message) as caught:
        pairs[1]
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.webp', '.ppm', '.pgm'])
def test_a_cut_off_image_of_any_kind_is_refused(tmp_path, suffix):
    folder = tmp_path / 'pair'
    image = picture(1, 32, 32)[..., 0] if suffix == '.pgm' else picture(1, 32, 32)
    for name in ('im0', 'im1'):
        write_image(folder / f'{name}{suffix}', image)
    write_pfm(folder / 'disp0.pfm', truth(32, 32))
    assert PairsFolder(tmp_path)[0].left.shape == (32, 32, 3)
    path = folder / f'im1{suffix}'
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=f'im1{suffix}: the image is cut off'):
        PairsFolder(tmp_path)[0]


READERS = list(stereo_datasets.LAYOUTS.items())


@pytest.mark.parametrize(('name', 'reader'), READERS, ids=[name for name, _ in READERS])
def test_a_folder_that_is_missing_or_of_another_layout_is_refused_at_once(tmp_path, name, reader):
    with pytest.raises(FileNotFoundError, match='nowhere: no such folder; expected') as caught:
        reader(tmp_path / 'nowhere')
    assert '\n' not in str(caught.value)
    (tmp_path / 'file').write_text('')
    with pytest.raises(NotADirectoryError, match='file: not a folder'):
        open_stereo_dataset(tmp_path / 'file', name)
    with pytest.raises(LayoutError, match=r'expected .*; found file$') as caught:
        open_stereo_dataset(tmp_path, name)
    assert str(caught.value).startswith(f'{tmp_path}: ') and '\n' not in str(caught.value)


def test_the_layout_is_recognised_by_what_lies_in_the_folder(tmp_path):
    scenes_folder(tmp_path / 'pairs')
    kitti_2015(tmp_path / 'kitti/training')
    grey_scene(tmp_path / 'middlebury/tsukuba',
               ('scene1.row3.col3.ppm', 'scene1.row3.col4.ppm', 'truedisp.row3.col3.pgm'), 288)
    scene = 'eth3d/two_view_training{}/forest_1s/{}'
    for name in ('im0.png', 'im1.png'):
        write_image(tmp_path / scene.format('', name), picture(1))
    write_pfm(tmp_path / scene.format('_gt', 'disp0GT.pfm'), truth())
    for side in ('left', 'right'):
        write_image(tmp_path / 'flow/frames_finalpass/TRAIN/A/0000' / side / '0006.png', picture(1))
    write_pfm(tmp_path / 'flow/disparity/TRAIN/A/0000/left/0006.pfm', truth())
    for name, kind in (('pairs', PairsFolder), ('kitti', Kitti2015), ('middlebury', Middlebury),
                       ('eth3d', Eth3d), ('flow', SceneFlow)):
        assert type(open_stereo_dataset(tmp_path / name)) is kind


def test_the_layout_that_finds_most_pairs_wins(tmp_path):
    scenes_folder(tmp_path)
    grey_scene(tmp_path / 'c', ('view1.png', 'view5.png', 'disp1.png'), 370)
    grey_scene(tmp_path / 'd', ('view1.png', 'view5.png', 'disp1.png'), 370)
    assert open_stereo_dataset(tmp_path).names == ['b', 'c', 'd']  # Middlebury's
    assert open_stereo_dataset(tmp_path, 'pairs').names == ['a', 'b']


def test_where_no_layout_fits_all_are_listed(tmp_path):
    (tmp_path / 'notes.txt').write_text('')
    (tmp_path / 'clips').mkdir()
    with pytest.raises(ValueError, match=r'none of the known layouts, found clips/, notes\.txt; '
                                         r'expected shards: .*; or scene_flow: ') as caught:
        open_stereo_dataset(tmp_path)
    assert all(f'{name}: ' in str(caught.value) for name in stereo_datasets.LAYOUTS)
    with pytest.raises(ValueError, match=r'layout must be auto or one of shards, .*got .kitti.'):
        open_stereo_dataset(tmp_path, 'kitti')
    with pytest.raises(FileNotFoundError, match='no such folder; expected a data set in one of the'):
        open_stereo_dataset(tmp_path / 'nowhere')


def test_a_layout_that_is_not_whole_says_what_is_missing(tmp_path):
    kitti_2015(tmp_path)
    (tmp_path / 'image_3/000003_10.png').unlink()
    with pytest.raises(FileNotFoundError, match='image_3/000003_10: no image of this name'):
        open_stereo_dataset(tmp_path)


def test_shards_are_a_layout_too():
    assert stereo_datasets.LAYOUTS['shards'] is shards.ShardedStereo

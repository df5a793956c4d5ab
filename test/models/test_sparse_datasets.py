"""Readers that sparse depth is trained on, on tiny files in the true layouts."""

import numpy as np
import pytest
from test_depth_datasets import H, W, check, picture, truth, write_depth, write_image

from depth_models.data.depth_datasets import (
    KittiCompletion,
    KittiRaw,
    LayoutError,
    Matterport,
    Synthia,
    open_depth_dataset,
)
from depth_models.data.samples import DepthSample
from depth_models.frames import Camera

DRIVE = '2011_09_26_drive_0001_sync'
UUID = '0b2156c0deb7431f815bdb2f8b2fbf7c'


def lidar(size):
    """Every third pixel, half a metre beside the truth."""
    sparse = np.full(size, np.nan, np.float32)
    sparse.flat[::3] = (truth(*size) + 0.5).flat[::3]
    return sparse


def completion(folder, size=(H, W), splits=('train', 'val'), measured=('5', '6')):
    for split in splits:
        for name in ('5', '6'):
            write_image(folder / '2011_09_26' / DRIVE / 'image_02' / 'data' / f'000000000{name}.png',
                        picture(1, *size))
            depths = folder / split / DRIVE / 'proj_depth'
            write_depth(depths / 'groundtruth' / 'image_02' / f'000000000{name}.png', truth(*size), 256)
            if name in measured:
                write_depth(depths / 'velodyne_raw' / 'image_02' / f'000000000{name}.png', lidar(size), 256)


# --- KITTI depth completion


def test_kitti_completion_reads_what_was_measured_beside_the_truth(tmp_path):
    completion(tmp_path)
    for split in ('train', 'val'):
        samples = KittiCompletion(tmp_path, split=split)
        assert samples.names == [f'{DRIVE}/0000000005', f'{DRIVE}/0000000006'] and not samples.indoors
        check(samples[1], 1)
        np.testing.assert_array_equal(samples[1].sparse, lidar((H, W)))
    for use, split in (('training', 'train'), ('validation', 'val')):
        assert open_depth_dataset(tmp_path, 'kitti_completion', use=use).names == KittiCompletion(
            tmp_path, split=split).names
    assert isinstance(open_depth_dataset(tmp_path), KittiRaw)  # auto keeps to what it took before
    assert isinstance(open_depth_dataset(tmp_path, measured=True), KittiCompletion)


def test_measurements_beside_the_truth_are_found_among_other_folders(tmp_path):
    completion(tmp_path / 'completion', splits=('val',))
    for name in ('image_2', 'velodyne', 'calib'):
        (tmp_path / 'object' / name).mkdir(parents=True)
    write_image(tmp_path / 'object/image_2/000000.png', picture(1, H, W))
    (tmp_path / 'object/velodyne/000000.bin').write_bytes(np.float32([10, 0, 0, 0]).tobytes())
    (tmp_path / 'object/calib/000000.txt').write_text(
        'P2: 50 0 3 0 0 50 2 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\n'
        'Tr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\n')
    found = open_depth_dataset(tmp_path, measured=True)
    assert [name.split('/')[0] for name in found.names] == ['completion'] * 2 + ['object']
    assert [found[place].sparse is not None for place in range(3)] == [True, True, False]
    # a set without measurements is still read as it was
    completion(tmp_path / 'none', splits=('val',), measured=())
    assert isinstance(open_depth_dataset(tmp_path / 'none', measured=True), KittiRaw)


def test_kitti_completion_passes_over_frames_without_a_scan(tmp_path):
    completion(tmp_path, splits=('val',), measured=('6',))
    samples = KittiCompletion(tmp_path)
    assert samples.names == [f'{DRIVE}/0000000006'] and samples[0].sparse is not None


def test_kitti_completion_reads_the_selection_and_the_single_frame(tmp_path):
    name = f'{DRIVE}_image_0000000021_image_02'
    selection = tmp_path / 'one' / 'val_selection_cropped'
    write_image(selection / 'image' / f'{name}.png', picture(2))
    for kind, depth in (('groundtruth_depth', truth()), ('velodyne_raw', lidar((H, W)))):
        write_depth(selection / kind / f'{name.replace("_image_", f"_{kind}_", 1)}.png', depth, 256)
    (selection / 'intrinsics').mkdir()
    (selection / 'intrinsics' / f'{name}.txt').write_text('7.5 0 3.5 0 7.25 2.5 0 0 1')
    single = tmp_path / 'two'
    write_image(single / 'raw' / 'sync_rect' / 'cam_02.png', picture(2))
    for kind, depth in (('groundtruth', truth()), ('velodyne_raw', lidar((H, W)))):
        write_depth(single / 'depth_completion' / f'{kind}_image_02.png', depth, 256)
    for folder in (selection.parent, single):
        (sample,) = KittiCompletion(folder)
        check(sample, 2)
        np.testing.assert_array_equal(sample.sparse, lidar((H, W)))
    assert KittiCompletion(selection.parent)[0].camera == Camera(W, H, 7.5, 7.25, 3.5, 2.5)


def test_kitti_completion_says_what_is_missing(tmp_path):
    completion(tmp_path / 'none', splits=('val',), measured=())
    with pytest.raises(LayoutError, match=r'KITTI depth completion, .*velodyne_raw of the same drives'):
        KittiCompletion(tmp_path / 'none')
    completion(tmp_path / 'other')
    scans = tmp_path / 'other' / 'val' / DRIVE / 'proj_depth' / 'velodyne_raw' / 'image_02'
    write_depth(scans / '0000000005.png', lidar((H, W + 1)), 256)
    with pytest.raises(ValueError, match=r'velodyne_raw.*: 7x4 px, but 6x4 px are needed'):
        KittiCompletion(tmp_path / 'other', split='val')[0]


def test_a_sample_and_what_was_measured_have_one_size():
    with pytest.raises(ValueError, match=r'sizes differ: sparse \[4, 7\], depth \[4, 6\]'):
        DepthSample(picture(1), truth(), sparse=truth(H, W + 1))


# --- SYNTHIA


def synthia(folder, depths='Depth', name='Stereo_Left/Omni_F/000003', channels=3):
    write_image(folder / 'RGB' / f'{name}.png', picture(1))
    steps = np.where(np.isnan(truth()), 65535, np.nan_to_num(truth()) * 100).astype(np.uint16)
    steps[3, 3] = 0
    steps = np.repeat(steps[..., None], channels, 2) if channels > 1 else steps
    write_image(folder / depths / f'{name}.png', steps)


def expected():
    """The truth in whole centimetres."""
    depth = np.floor(truth() * 100).astype(np.float32) / np.float32(100)
    depth[3, 3] = np.nan
    return depth


@pytest.mark.parametrize('channels', [1, 3])
def test_synthia_sequences(tmp_path, channels):
    synthia(tmp_path / 'SYNTHIA-SEQS-01-SUMMER', channels=channels)
    synthia(tmp_path / 'SYNTHIA-SEQS-02-FALL', channels=channels)
    samples = Synthia(tmp_path)
    assert samples.names == [f'SYNTHIA-SEQS-{which}/Stereo_Left/Omni_F/000003'
                             for which in ('01-SUMMER', '02-FALL')]
    check(samples[1], 1, expected())
    assert samples[1].camera is None and not samples.indoors
    assert Synthia(tmp_path / 'SYNTHIA-SEQS-02-FALL').names == ['Stereo_Left/Omni_F/000003']
    assert isinstance(open_depth_dataset(tmp_path), Synthia)


@pytest.mark.parametrize('depths', ['Depth/Depth', 'Depth'])
def test_synthia_random_set(tmp_path, depths):
    synthia(tmp_path / 'RAND_CITYSCAPES', depths, '0000012')
    samples = open_depth_dataset(tmp_path / 'RAND_CITYSCAPES', 'synthia')
    assert samples.names == ['0000012']
    check(samples[0], 1, expected())


def test_synthia_cameras_are_of_whole_images(tmp_path):
    write_image(tmp_path / 'RGB' / 'a.png', picture(1, 760, 1280))
    write_image(tmp_path / 'Depth' / 'a.png', np.full((760, 1280), 100, np.uint16))
    calibration = tmp_path / 'CameraParams' / 'intrinsics.txt'
    calibration.parent.mkdir()
    calibration.write_text('532.740352\n\n640\n\n380\n\n0.8\n')
    assert Synthia(tmp_path)[0].camera == Camera(1280, 760, 532.740352, 532.740352, 640.0, 380.0)
    calibration.write_text('none\n')
    with pytest.raises(ValueError, match=r'intrinsics\.txt: not focal length, cx and cy: none'):
        Synthia(tmp_path)[0]


def test_synthia_says_what_is_wrong(tmp_path):
    synthia(tmp_path / 'a')
    write_image(tmp_path / 'a' / 'Depth' / 'Stereo_Left' / 'Omni_F' / '000003.png', picture(1))
    with pytest.raises(ValueError, match='an image of 16 bits is needed, got uint8'):
        Synthia(tmp_path / 'a')[0]
    (tmp_path / 'a' / 'RGB' / 'Stereo_Left' / 'Omni_F' / '000003.png').unlink()
    with pytest.raises(FileNotFoundError, match='RGB/Stereo_Left/Omni_F/000003: no image of this name'):
        Synthia(tmp_path / 'a')
    (tmp_path / 'b').mkdir()
    with pytest.raises(LayoutError, match='SYNTHIA, RGB/ and Depth/'):
        Synthia(tmp_path / 'b')


# --- Matterport3D


def matterport(house, kind='undistorted', seed=1):
    # JPEG is not exact; any kind of image is read
    write_image(house / f'{kind}_color_images' / f'{UUID}_i1_4.png', picture(seed))
    write_depth(house / f'{kind}_depth_images' / f'{UUID}_d1_4.png', truth(), 4000)


def test_matterport_houses(tmp_path):
    matterport(tmp_path / 'a')
    matterport(tmp_path / 'a', 'matterport', seed=2)  # passed over beside the undistorted ones
    matterport(tmp_path / 'b' / 'b', 'matterport', seed=3)  # as the archive holds it
    samples = Matterport(tmp_path)
    assert samples.names == [f'a/{UUID}_i1_4', f'b/b/{UUID}_i1_4'] and samples.indoors
    check(samples[0], 1)
    check(samples[1], 3)
    assert isinstance(open_depth_dataset(tmp_path), Matterport)
    assert Matterport(tmp_path / 'a').names == [f'{UUID}_i1_4']


def test_matterport_says_what_is_missing(tmp_path):
    matterport(tmp_path / 'a')
    (tmp_path / 'a' / 'undistorted_color_images' / f'{UUID}_i1_4.png').unlink()
    with pytest.raises(FileNotFoundError, match=f'{UUID}_i1_4: no image of this name'):
        Matterport(tmp_path)
    (tmp_path / 'b').mkdir()
    with pytest.raises(LayoutError, match='Matterport3D, undistorted_color_images'):
        Matterport(tmp_path / 'b')

"""Readers of images with depth, on tiny files in the true layouts."""

import json
import pickle

import cv2
import numpy as np
import pytest

from depth_models.data import formats
from depth_models.data.depth_datasets import (
    DEPTH_LAYOUTS,
    GeneratedViews,
    KittiRaw,
    LayoutError,
    MixedFolder,
    NyuFolders,
    NyuLabelled,
    RgbdFolder,
    SevenScenes,
    TumRgbd,
    open_depth_dataset,
)
from depth_models.data.depth_datasets.tum import associated
from depth_models.data.samples import DepthSample
from depth_models.frames import Camera

H, W = 4, 6
NAN = np.nan


def picture(seed, height=H, width=W):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def truth(height=H, width=W):
    """Depth in m that millimetres, 1/5000 m and 1/256 m all hold exactly, one pixel unknown."""
    values = (np.arange(height * width, dtype=np.float32).reshape(height, width) % 11 + 4) / 8
    values[1, 2] = NAN
    return values


def write_image(path, image):
    """RGB or grey, as a file of the kind that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def write_depth(path, depth, steps_per_m=1000, unknown=0):
    steps = np.where(np.isnan(depth), unknown, np.nan_to_num(depth) * steps_per_m)
    write_image(path, steps.astype(np.uint16))


def check(sample, seed, depth=None):
    np.testing.assert_array_equal(sample.image, picture(seed))
    np.testing.assert_array_equal(sample.depth, truth() if depth is None else depth)
    assert sample.image.dtype == np.uint8 and sample.depth.dtype == np.float32


def test_a_sample_has_one_size():
    with pytest.raises(ValueError, match=r'sizes differ: image \[4, 6\], depth \[4, 7\]'):
        DepthSample(picture(1), truth(H, W + 1))


# --- NYU Depth v2


def nyu_labelled(folder, count=5, **without):
    h5py = pytest.importorskip('h5py', reason='the optional extra nyu')
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / 'nyu_depth_v2_labeled.mat', 'w') as file:
        # MATLAB keeps arrays column by column, so HDF5 sees all axes backwards
        file['images'] = np.stack([picture(k).transpose(2, 1, 0) for k in range(count)])
        file['depths'] = np.stack([(np.nan_to_num(truth(), nan=9) + k).T for k in range(count)])
        file['rawDepths'] = np.stack([(np.nan_to_num(truth() + k)).T for k in range(count)])
    return folder


def test_nyu_labelled_is_upright_in_colour_and_filled_or_raw(tmp_path):
    frames = NyuLabelled(nyu_labelled(tmp_path))
    assert frames.names == ['00000', '00001', '00002', '00003', '00004'] and frames.indoors
    check(frames[3], 3, np.nan_to_num(truth(), nan=9) + 3)
    check(NyuLabelled(tmp_path, filled=False)[3], 3, truth() + 3)
    check(pickle.loads(pickle.dumps(frames))[1], 1, np.nan_to_num(truth(), nan=9) + 1)
    assert frames[0].camera is None  # not 640x480


def test_nyu_labelled_in_the_split_that_splits_mat_tells(tmp_path):
    savemat = pytest.importorskip('scipy.io', reason='the optional extra nyu').savemat
    nyu_labelled(tmp_path)
    with pytest.raises(FileNotFoundError, match=r'splits\.mat: no such file; it tells'):
        NyuLabelled(tmp_path, split='test')
    savemat(tmp_path / 'splits.mat', {'testNdxs': np.array([[5], [2]]),
                                      'trainNdxs': np.array([[1], [3], [4]])})
    frames = open_depth_dataset(tmp_path)
    assert isinstance(frames, NyuLabelled)
    assert frames.names == ['00001', '00004']  # those of MATLAB begin with 1
    check(frames[1], 4, np.nan_to_num(truth(), nan=9) + 4)
    assert NyuLabelled(tmp_path, split='train').names == ['00000', '00002', '00003']
    assert len(NyuLabelled(tmp_path, split='all')) == 5
    with pytest.raises(ValueError, match=r"split must be one of train, test, all, got 'val'"):
        NyuLabelled(tmp_path, split='val')
    savemat(tmp_path / 'splits.mat', {'testNdxs': np.array([[6]])})
    with pytest.raises(ValueError, match=r'splits\.mat: testNdxs must lie in 1\.\.5'):
        NyuLabelled(tmp_path)
    (tmp_path / 'splits.mat').write_text('no MATLAB file')
    with pytest.raises(ValueError, match=r'splits\.mat: testNdxs cannot be read'):
        NyuLabelled(tmp_path)


def test_a_broken_nyu_file_is_one_sentence(tmp_path):
    h5py = pytest.importorskip('h5py', reason='the optional extra nyu')
    nyu_labelled(tmp_path)
    path = tmp_path / 'nyu_depth_v2_labeled.mat'
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2])
    with pytest.raises(OSError, match=r'labeled\.mat: not a whole HDF5 file') as caught:
        open_depth_dataset(tmp_path)
    assert '\n' not in str(caught.value)
    with h5py.File(path, 'w') as file:
        file['images'] = np.zeros((2, 3, W, H), np.uint8)
    with pytest.raises(ValueError, match=r'labeled\.mat: no depths in it'):
        NyuLabelled(tmp_path)
    with h5py.File(path, 'a') as file:
        file['depths'] = np.zeros((2, H, W))
    with pytest.raises(ValueError, match=r'must be \[N,3,W,H\] and depths \[N,W,H\], got \[2, 3, 6, 4\]'):
        NyuLabelled(tmp_path)


def test_without_h5py_the_labelled_file_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / 'nyu_depth_v2_labeled.mat').write_bytes(b'')
    monkeypatch.setitem(__import__('sys').modules, 'h5py', None)
    says = r'labeled\.mat is an HDF5 file, .*pip install depth_nodes\[nyu\]'
    with pytest.raises(ImportError, match=says) as caught:
        open_depth_dataset(tmp_path)
    assert '\n' not in str(caught.value)


def nyu_scene(folder, number, seed, depth=None):
    write_image(folder / f'rgb_{number}.png', picture(seed))  # .jpg in truth, which would lose bits
    write_depth(folder / f'sync_depth_{number}.png', truth() if depth is None else depth)


def test_nyu_folders_with_test_and_training_frames(tmp_path):
    nyu_scene(tmp_path / 'official_splits/test/bathroom', '00045', 1)
    nyu_scene(tmp_path / 'official_splits/test/bedroom', '00000', 2)
    nyu_scene(tmp_path / 'sync/kitchen_0001a', '00007', 3)
    frames = open_depth_dataset(tmp_path)
    assert isinstance(frames, NyuFolders) and frames.names == ['bathroom/00045', 'bedroom/00000']
    check(frames[0], 1)
    assert NyuFolders(tmp_path, split='train').names == ['kitchen_0001a/00007']
    assert open_depth_dataset(tmp_path, use='training').names == ['kitchen_0001a/00007']
    assert open_depth_dataset(tmp_path, 'nyu_folders', use='validation').names == frames.names
    check(NyuFolders(tmp_path / 'sync')[0], 3)
    (tmp_path / 'sync/kitchen_0001a/rgb_00007.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'rgb_00007: no image of this name .*sync_depth_00007'):
        NyuFolders(tmp_path, split='train')
    with pytest.raises(ValueError, match="split must be one of test, train, got 'eigen'"):
        NyuFolders(tmp_path, split='eigen')


def test_nyu_cameras_are_known_at_full_size(tmp_path):
    folder = tmp_path / 'test/office'
    write_image(folder / 'rgb_00001.jpg', picture(1, 480, 640))
    write_depth(folder / 'sync_depth_00001.png', truth(480, 640))
    camera = NyuFolders(tmp_path)[0].camera
    assert (camera.width, camera.height) == (640, 480)
    assert camera.fx == pytest.approx(518.86, abs=0.01) and camera.cx == pytest.approx(325.58, abs=0.01)


# --- KITTI

DRIVE = '2011_09_26_drive_0001_sync'
P_RECT = ('P_rect_02: 721.5 0 609.5 44.8 0 721.6 172.8 0.2 0 0 1 0.003\n'
          'P_rect_03: 700.0 0 600.0 -339.5 0 700.0 170.0 2.2 0 0 1 0.003\n')


def write_kitti(path, depth):
    path.parent.mkdir(parents=True, exist_ok=True)
    formats.write_kitti_depth(path, depth)


@pytest.mark.parametrize(('archive', 'raw', 'suffix'), [
    ('', '', '.png'), ('data_depth_annotated/', 'raw/', '.jpg'), ('', None, '.png')])
def test_kitti_raw_with_projected_lidar(tmp_path, archive, raw, suffix):
    for split, number in (('train', '0000000005'), ('train', '0000000006'), ('val', '0000000007')):
        drive = DRIVE if split == 'train' else '2011_09_28_drive_0002_sync'
        truths = tmp_path / f'{archive}{split}/{drive}/proj_depth/groundtruth/image_02'
        write_kitti(truths / f'{number}.png', truth())
        above = f'{raw}{drive[:10]}' if raw is not None else f'{archive}{split}'
        write_image(tmp_path / f'{above}/{drive}/image_02/data/{number}{suffix}', picture(int(number)))
    if raw is not None:
        (tmp_path / f'{raw}2011_09_26/calib_cam_to_cam.txt').write_text(P_RECT)
    frames = open_depth_dataset(tmp_path)
    assert isinstance(frames, KittiRaw) and not frames.indoors
    assert frames.names == [f'{DRIVE}/0000000005', f'{DRIVE}/0000000006',
                            '2011_09_28_drive_0002_sync/0000000007']
    np.testing.assert_array_equal(frames[1].depth, truth())
    if suffix == '.png':
        check(frames[1], 6)
    assert frames[2].camera is None
    expected = None if raw is None else Camera(W, H, 721.5, 721.6, 609.5, 172.8)
    assert frames[0].camera == expected
    assert len(KittiRaw(tmp_path, split='train')) == 2 and len(KittiRaw(tmp_path, split='val')) == 1
    assert [len(open_depth_dataset(tmp_path, use=use)) for use in ('training', 'validation')] == [2, 1]


def test_kitti_raw_passes_over_drives_without_images_but_not_over_missing_images(tmp_path):
    truths = tmp_path / f'train/{DRIVE}/proj_depth/groundtruth/image_02'
    write_kitti(truths / '0000000005.png', truth())
    with pytest.raises(LayoutError, match='expected KITTI depth'):
        KittiRaw(tmp_path)
    images = tmp_path / f'2011_09_26/{DRIVE}/image_02/data'
    write_image(images / '0000000005.png', picture(1))
    assert len(KittiRaw(tmp_path)) == 1
    write_kitti(truths / '0000000006.png', truth())
    with pytest.raises(FileNotFoundError, match=r'0000000006: no image of this name'):
        KittiRaw(tmp_path)
    with pytest.raises(LayoutError, match='expected KITTI depth'):
        KittiRaw(tmp_path, kind='velodyne_raw')
    for wrong, message in (({'kind': 'lidar'}, "kind must be one of groundtruth, velodyne_raw, got 'lidar'"),
                           ({'split': 'test'}, "split must be one of train, val, got 'test'")):
        with pytest.raises(ValueError, match=message):
            KittiRaw(tmp_path, **wrong)


@pytest.mark.parametrize('opened', ['depth_selection', 'depth_selection/val_selection_cropped', '.'])
def test_kitti_selection(tmp_path, opened):
    selection = tmp_path / 'depth_selection/val_selection_cropped'
    name = f'{DRIVE}_{{}}_0000000005_image_03'
    write_image(selection / f'image/{name.format("image")}.png', picture(1))
    write_kitti(selection / f'groundtruth_depth/{name.format("groundtruth_depth")}.png', truth())
    write_kitti(selection / f'velodyne_raw/{name.format("velodyne_raw")}.png', truth() + 1)
    (selection / 'intrinsics').mkdir()
    intrinsics = selection / f'intrinsics/{name.format("image")}.txt'
    intrinsics.write_text('721.5 0.0 596.5 0.0 721.6 149.8 0.0 0.0 1.0')
    frames = open_depth_dataset(tmp_path / opened)
    assert isinstance(frames, KittiRaw) and frames.names == [name.format('image')]
    check(frames[0], 1)
    assert frames[0].camera == Camera(W, H, 721.5, 721.6, 596.5, 149.8)
    check(KittiRaw(tmp_path / opened, kind='velodyne_raw')[0], 1, truth() + 1)
    intrinsics.write_text('721.5 0.0')
    with pytest.raises(ValueError, match=r'image_03\.txt: not the 9 numbers of a camera matrix: 721\.5 0\.0'):
        frames[0]


def test_kitti_single_frame_of_both_cameras(tmp_path):
    for number, depth in (('02', truth()), ('03', truth() + 1)):
        write_image(tmp_path / f'raw/sync_rect/cam_{number}.png', picture(int(number)))
        write_kitti(tmp_path / f'depth_completion/groundtruth_image_{number}.png', depth)
    (tmp_path / 'raw/calib_cam_to_cam.txt').write_text(P_RECT)
    frames = open_depth_dataset(tmp_path)
    assert isinstance(frames, KittiRaw) and frames.names == ['image_02', 'image_03']
    check(frames[1], 3, truth() + 1)
    assert [frame.camera.fx for frame in frames] == [721.5, 700.0]


# --- TUM RGB-D


def tum_sequence(folder):
    stamps = {'rgb': ['1305031102.175304', '1305031102.211214', '1305031102.300000'],
              'depth': ['1305031102.160407', '1305031102.194330', '1305031102.226738']}
    for kind, listed in stamps.items():
        (folder / kind).mkdir(parents=True)
        (folder / f'{kind}.txt').write_text(f'# {kind} maps\n# file: x.bag\n\n' + ''.join(
            f'{stamp} {kind}/{stamp}.png\n' for stamp in listed))
        for seed, stamp in enumerate(listed):
            if kind == 'rgb':
                write_image(folder / f'rgb/{stamp}.png', picture(seed))
            else:
                write_depth(folder / f'depth/{stamp}.png', truth() + seed, 5000)


def test_tum_pairs_what_was_taken_within_20_ms_closest_first(tmp_path):
    tum_sequence(tmp_path / 'freiburg1_xyz')
    frames = TumRgbd(tmp_path / 'freiburg1_xyz')
    # 175 ms is 14.9 ms from 160 and 19.0 ms from 194; 211 ms is 15.5 ms from 226; 300 has none
    assert frames.names == ['1305031102.175304', '1305031102.211214']
    check(frames[0], 0)
    check(frames[1], 1, truth() + 2)
    several = open_depth_dataset(tmp_path)
    assert isinstance(several, TumRgbd)
    assert several.names == [f'freiburg1_xyz/{name}' for name in frames.names]
    (tmp_path / 'freiburg1_xyz/rgb.txt').write_text('1305031102.1 a.png\nsoon b.png\n')
    with pytest.raises(ValueError, match=r'rgb\.txt: line 2 is not "STAMP FILE": soon b\.png'):
        open_depth_dataset(tmp_path)


def test_stamps_belong_together_once_each_and_up_to_20_ms():
    ms = 1_000_000
    first, second = np.array([0, 10, 100, 200]) * ms, np.array([12, 119, 221, 4]) * ms
    # 10 with 12 (2 ms), 0 with 4, 100 with 119; 221 is 21 ms from 200
    assert associated(first, second) == [(1, 0), (0, 3), (2, 1)]
    assert associated(np.array([0]), np.array([20 * ms])) == [(0, 0)]
    assert associated(np.array([0]), np.array([20 * ms + 1])) == []


# --- 7-Scenes, plain folders, mixed ones


def seven_scenes(folder, suffix='.png'):
    for number in (0, 5):
        write_image(folder / f'frame-{number:06d}.color{suffix}', picture(number))
        depth = np.where(np.isnan(truth()), 65.535, truth())
        depth[0, 0] = NAN
        write_depth(folder / f'frame-{number:06d}.depth.png', depth.astype(np.float64))
        (folder / f'frame-{number:06d}.pose.txt').write_text('1 0 0 0\n')


def test_seven_scenes_know_two_signs_for_unknown(tmp_path):
    seven_scenes(tmp_path / 'chess/seq-01')
    expected = truth()
    expected[0, 0] = NAN
    frames = open_depth_dataset(tmp_path)
    assert isinstance(frames, SevenScenes)
    assert frames.names == ['chess/seq-01/frame-000000', 'chess/seq-01/frame-000005']
    check(frames[1], 5, expected)
    assert SevenScenes(tmp_path / 'chess').names[0] == 'seq-01/frame-000000'
    assert SevenScenes(tmp_path / 'chess/seq-01').names == ['frame-000000', 'frame-000005']
    (tmp_path / 'chess/seq-01/frame-000005.color.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'frame-000005\.color: no image'):
        open_depth_dataset(tmp_path)


def test_seven_scenes_as_jpeg_with_the_camera_of_full_size(tmp_path):
    write_image(tmp_path / 'frame-000000.color.jpg', picture(1, 480, 640))
    write_depth(tmp_path / 'frame-000000.depth.png', truth(480, 640))
    assert SevenScenes(tmp_path)[0].camera == Camera(640, 480, 527.2, 527.2, 319.1, 237.9)


def test_seven_scenes_have_the_depth_of_the_image(tmp_path):
    write_image(tmp_path / 'frame-000000.color.png', picture(1, 480, 640))
    depth = np.full((480, 640), 2.0)
    depth[100:200, 420:500] = 1.0  # something near, on a wall
    write_depth(tmp_path / 'frame-000000.depth.png', depth)
    found = SevenScenes(tmp_path)[0].depth
    near = found == 1.0
    rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
    # with X = (u - 320) / 585 and Y = (v - 240) / 585 in parts of Z, and 0.0082 rad of roll:
    # x = 527.2 (X - 0.0082 Y - 0.0199 m / Z) + 319.1, y = 527.2 (Y + 0.0082 X) + 237.9
    assert [rows[0], rows[-1]] == pytest.approx([112.5, 202.2], abs=0.7)
    assert [columns[0], columns[-1]] == pytest.approx([399.0, 470.9], abs=0.7)
    # turned clockwise, its upper edge falls by half a pixel from its left to its right: nothing shows through
    assert near[rows[0] + 1:rows[-1], columns[0] + 1:columns[-1]].all()
    assert (found[150, 480:500] == 2.0).all()
    shadow = found[150, 472:478]  # of the near thing, in the light of the depth camera
    assert np.isnan(shadow).sum() == pytest.approx(527.2 * 0.0199 * (1 / 1.0 - 1 / 2.0), abs=1.5)
    assert np.isnan(found[:19]).all() and np.isnan(found[:, 620:]).all()
    assert np.isfinite(found).mean() > 0.75


def open3d_camera(width=W, height=H, **changes):
    return json.dumps({'width': width, 'height': height,
                       'intrinsic_matrix': [525.0, 0, 0, 0, 526.0, 0, 2.5, 1.5, 1], **changes})


@pytest.mark.parametrize(('colour', 'suffix'), [('color', '.png'), ('rgb', '.pgm')])
def test_a_plain_folder(tmp_path, colour, suffix):
    for number in (1, 2):
        write_image(tmp_path / f'{colour}/{number}.png', picture(number))
        write_depth(tmp_path / f'depth/{number}{suffix}', truth())
    frames = open_depth_dataset(tmp_path)
    assert isinstance(frames, RgbdFolder) and frames.names == ['1', '2']
    check(frames[1], 2)
    assert frames[1].camera is None
    np.testing.assert_array_equal(RgbdFolder(tmp_path, steps_per_m=500)[1].depth, 2 * truth())
    with pytest.raises(ValueError, match='steps_per_m must be over 0, got 0'):
        RgbdFolder(tmp_path, steps_per_m=0)


@pytest.mark.parametrize(('spoil', 'message'), [
    (lambda f: (f / 'camera.json').write_text(open3d_camera(W + 1)),
     r'camera\.json: 7x4 px, but the image is 6x4'),
    (lambda f: (f / 'camera.json').write_text('{"width": 3}'), r'camera\.json: needs width, height and'),
    (lambda f: (f / 'camera.json').write_text(open3d_camera(intrinsic_matrix=[1, 0, 3, 0, 1, 2, 0, 0, 0])),
     r'camera\.json: intrinsic_matrix must be fx 0 0 0 fy 0 cx cy 1'),
    (lambda f: write_depth(f / 'depth/a.png', truth(H + 1)), r'a\.png: 6x5 px, but the image is 6x4 px'),
    (lambda f: write_image(f / 'depth/a.png', picture(1)), r'a\.png: a grey 16-bit image is needed, got 3'),
    (lambda f: (f / 'color/a.png').write_bytes((f / 'color/a.png').read_bytes()[:-20]),
     r'a\.png: the image is cut')])
def test_a_broken_file_is_one_sentence_that_names_it(tmp_path, spoil, message):
    write_image(tmp_path / 'color/a.png', picture(1))
    write_depth(tmp_path / 'depth/a.png', truth())
    (tmp_path / 'camera.json').write_text(open3d_camera())
    assert RgbdFolder(tmp_path)[0].camera == Camera(W, H, 525, 526, 2.5, 1.5)
    spoil(tmp_path)
    with pytest.raises(ValueError, match=message) as caught:
        RgbdFolder(tmp_path)[0]
    assert '\n' not in str(caught.value)


def test_two_cameras_for_one_folder_are_refused(tmp_path):
    write_image(tmp_path / 'color/a.png', picture(1))
    write_depth(tmp_path / 'depth/a.png', truth())
    for name in ('camera.json', 'camera_primesense.json'):
        (tmp_path / name).write_text(open3d_camera())
    with pytest.raises(ValueError, match=r'one camera\*\.json is needed, found camera\.json, camera_prime'):
        open_depth_dataset(tmp_path)


def rgbd_and_scenes(root):
    for name, seed in (('office', 1), ('living', 2)):
        write_image(root / name / 'color/a.png', picture(seed))
        write_depth(root / name / 'depth/a.png', truth())
    seven_scenes(root / 'kitchen')


def test_data_sets_of_different_layouts_side_by_side_are_all_read(tmp_path):
    rgbd_and_scenes(tmp_path)
    (tmp_path / 'notes').mkdir()
    frames = open_depth_dataset(tmp_path)
    assert isinstance(frames, MixedFolder) and frames.indoors
    assert frames.names == ['kitchen/frame-000000', 'kitchen/frame-000005', 'living/a', 'office/a']
    for number, seed in enumerate((0, 5, 2, 1)):
        np.testing.assert_array_equal(frames[number].image, picture(seed))
    with pytest.raises(IndexError, match='sample 4 of 4'):
        frames[4]
    with pytest.raises(IndexError):
        frames[-1]
    assert RgbdFolder(tmp_path).names == ['living/a', 'office/a']
    for split, seed in (('official_splits/test', 7), ('sync', 8)):
        nyu_scene(tmp_path / 'nyu' / split / 'den', '00001', seed)
    for use, seed in (('training', 8), ('validation', 7)):
        frames = open_depth_dataset(tmp_path, use=use)
        check(frames[frames.names.index('nyu/den/00001')], seed)


def test_folders_of_one_layout_or_of_in_and_outdoors_are_no_mixture(tmp_path):
    rgbd_and_scenes(tmp_path)
    write_image(tmp_path / 'street/raw/sync_rect/cam_02.png', picture(1))
    write_kitti(tmp_path / 'street/depth_completion/groundtruth_image_02.png', truth())
    with pytest.raises(LayoutError, match='folders in different ones of these layouts'):
        MixedFolder(tmp_path)
    with pytest.raises(LayoutError, match='folders in different ones of these layouts'):
        MixedFolder(tmp_path / 'kitchen')


# --- all of them

READERS = list(DEPTH_LAYOUTS.items())


@pytest.mark.parametrize(('name', 'reader'), READERS, ids=[name for name, _ in READERS])
def test_a_folder_that_is_missing_or_of_another_layout_is_refused_at_once(tmp_path, name, reader):
    with pytest.raises(FileNotFoundError, match='nowhere: no such folder; expected') as caught:
        reader(tmp_path / 'nowhere')
    assert '\n' not in str(caught.value)
    (tmp_path / 'file').write_text('')
    with pytest.raises(NotADirectoryError, match='file: not a folder'):
        open_depth_dataset(tmp_path / 'file', name)
    with pytest.raises(LayoutError, match=r'expected .*; found file$') as caught:
        open_depth_dataset(tmp_path, name)
    assert '\n' not in str(caught.value)


def test_where_no_layout_fits_all_are_listed(tmp_path):
    (tmp_path / 'notes.txt').write_text('')
    with pytest.raises(ValueError, match='in none of the known layouts, found notes') as caught:
        open_depth_dataset(tmp_path)
    assert all(f'{name}: ' in str(caught.value) for name in DEPTH_LAYOUTS)
    with pytest.raises(ValueError, match=r'layout must be auto or one of nyu_labelled, .*got .nyu.'):
        open_depth_dataset(tmp_path, 'nyu')


# --- the generated world


def test_generated_views_are_the_same_every_time_and_know_no_depth_of_the_sky():
    pytest.importorskip('embreex', reason='worlds are ray-cast by embreex, of the extra train')
    views = GeneratedViews(6, seed=1, size=(48, 64))
    again = GeneratedViews(100, seed=1, size=(48, 64))[2]
    np.testing.assert_array_equal(views[2].image, again.image)
    np.testing.assert_array_equal(views[2].depth, again.depth)
    assert not np.array_equal(GeneratedViews(6, seed=2, size=(48, 64))[2].image, again.image)
    every = list(views)
    assert len(every) == len(views) == 6
    for sample in every:
        assert sample.image.shape == (48, 64, 3) and (sample.camera.width, sample.camera.height) == (64, 48)
        known = sample.depth[np.isfinite(sample.depth)]
        assert sample.depth.dtype == np.float32 and known.min() > 0 and known.max() < 2000


@pytest.mark.parametrize(('wrong', 'message'), [
    ({'count': 0}, 'count must be at least 1'), ({'count': 1, 'seed': -1}, 'seed at least 0'),
    ({'count': 1, 'size': (8, 64)}, 'at least 16x16 px, got 64x8')])
def test_views_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        GeneratedViews(**wrong)


def test_a_view_beyond_the_last_is_an_index_error():
    with pytest.raises(IndexError, match='view 2 of 2'):
        GeneratedViews(2)[2]

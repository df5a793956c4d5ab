"""
Messages <-> arrays: the only reader and writer of Image, CompressedImage, CameraInfo,
DisparityImage and PointCloud2.

What comes in is checked here. An image that cannot be read is an UnreadableImage, a calibration
that cannot be is a plain ValueError; both name topic, field, value and the likely cause.
What goes out carries the header that it is given, whole, and is copied once as a block.
"""

import math
import sys
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import (
    CameraInfo,
    CompressedImage,
    Image,
    PointCloud2,
    PointField,
    RegionOfInterest,
)
from std_msgs.msg import Header
from stereo_msgs.msg import DisparityImage

from depth_models import frames
from depth_models.frames import Camera, Map, MonoFrame, StereoCamera, StereoFrame
from depth_models.geometry import decimated, depth_within, points_from_depth
from depth_nodes import camera_checks
from depth_nodes.standins.cv_bridge import CvBridge, CvBridgeError

STEREO_TOPICS = ('left/image_rect', 'left/camera_info', 'right/image_rect', 'right/camera_info')
MONO_TOPICS = ('image_rect', 'camera_info')
POINT_FIELDS = ('x', 'y', 'z', 'rgb')  # float32 each; rgb is 0x00RRGGBB in the bits of one (PCL)


class UnreadableImage(ValueError):
    """An image message that contradicts itself, or that this package cannot read."""


class Encoding(NamedTuple):
    """How the pixels of a sensor_msgs/Image lie in its data."""

    name: str  # what cv_bridge calls it
    dtype: str
    channels: int
    grey: bool  # there is no colour in it


# sensor_msgs/image_encodings.hpp. Names without a colour mean what OpenCV means by them.
ENCODINGS = {
    **{name: Encoding('mono8', 'u1', 1, True) for name in ('mono8', '8UC1')},
    **{name: Encoding('mono16', 'u2', 1, True) for name in ('mono16', '16UC1')},
    **{name: Encoding('bgr8', 'u1', 3, False) for name in ('bgr8', '8UC3')},
    **{name: Encoding('bgra8', 'u1', 4, False) for name in ('bgra8', '8UC4')},
    'rgb8': Encoding('rgb8', 'u1', 3, False),
    'rgba8': Encoding('rgba8', 'u1', 4, False),
    'bgr16': Encoding('bgr16', 'u2', 3, False),
    'rgb16': Encoding('rgb16', 'u2', 3, False),
    **{f'bayer_{pattern}{bits}': Encoding(f'bayer_{pattern}{bits}', f'u{bits // 8}', 1, False)
       for pattern in ('rggb', 'bggr', 'gbrg', 'grbg') for bits in (8, 16)},
    **{name: Encoding('yuv422', 'u1', 2, False) for name in ('yuv422', 'uyvy')},
    **{name: Encoding('yuv422_yuy2', 'u1', 2, False) for name in ('yuv422_yuy2', 'yuyv')},
}
FLOAT_MAP = Encoding('32FC1', 'f4', 1, True)  # not a picture: only read_map takes it
# sensor_msgs/PointField: datatype -> how a value lies in the data
POINT_TYPES = {PointField.INT8: 'i1', PointField.UINT8: 'u1', PointField.INT16: 'i2',
               PointField.UINT16: 'u2', PointField.INT32: 'i4', PointField.UINT32: 'u4',
               PointField.FLOAT32: 'f4', PointField.FLOAT64: 'f8'}
# A file cut off still decodes, grey where it ends: first bytes -> (last bytes, name)
FILE_ENDS = {b'\xff\xd8': (b'\xff\xd9', 'JPEG'), b'\x89PNG': (b'IEND\xaeB`\x82', 'PNG')}

_bridge = CvBridge()


def read_image(message: Image | CompressedImage, topic: str, *, grey: bool = False) -> frames.Image:
    """uint8 [H,W] where the image is grey, else [H,W,3] RGB; `grey` makes all of them grey.

    Every encoding in ENCODINGS, any padding of rows and byte order; 16 bits are scaled to 8. JPEG
    and PNG when compressed. Where nothing has to be converted the result is a read-only view of
    the message's data. Raises UnreadableImage.
    """
    if isinstance(message, CompressedImage):
        pixels, encoding = _decompressed(message, topic)
    else:
        pixels, encoding = _pixels(message, topic)
    if encoding is FLOAT_MAP:
        raise UnreadableImage(f'{topic}: encoding is 32FC1, which is depth or disparity and no picture')
    wanted = 'mono8' if grey or encoding.grey else 'rgb8'
    if encoding.name == wanted:
        pixels.flags.writeable = False  # it may be the message's own memory
        return pixels
    # cv_bridge gets a plain message: no aliases, no padding, and above all native byte order,
    # because it fails on the other one under NumPy 2
    is_plain = (isinstance(message, Image) and message.encoding == encoding.name
                and message.step * message.height == len(message.data) == pixels.nbytes
                and not message.is_bigendian)
    plain = message if is_plain else image_message(message.header, pixels, encoding.name)
    try:
        return _bridge.imgmsg_to_cv2(plain, wanted)
    except (CvBridgeError, cv2.error) as error:
        raise UnreadableImage(f'{topic}: {encoding.name} of {plain.width}x{plain.height} cannot be '
                              f'converted to {wanted}: {error}') from error


def _pixels(message: Image, topic: str) -> tuple[NDArray, Encoding]:
    """The pixels [H,W] or [H,W,C] in native byte order, a view where possible."""
    encoding = FLOAT_MAP if message.encoding == '32FC1' else ENCODINGS.get(message.encoding)
    if encoding is None:
        raise UnreadableImage(f'{topic}: encoding is {message.encoding!r}, known are '
                              f'{", ".join(ENCODINGS)}')
    height, width, step = message.height, message.width, message.step
    if not (height and width):
        raise UnreadableImage(f'{topic}: the image is {width}x{height}, it has no pixels')
    dtype = np.dtype(encoding.dtype)
    row = width * encoding.channels * dtype.itemsize  # bytes
    if step < row:
        raise UnreadableImage(f'{topic}: step is {step}, but a row of {width} pixels '
                              f'{message.encoding} takes {row} bytes; the encoding or the width '
                              f'is wrong')
    size = len(message.data)
    # the padding of the last row may be missing, as OpenCV and others leave it out
    if not step * (height - 1) + row <= size <= step * height:
        cause = 'the image was cut off' if size < step * height else 'height or step is wrong'
        raise UnreadableImage(f'{topic}: data has {size} bytes, but {height} rows with step {step} '
                              f'take {step * height}; {cause}')
    if encoding.name.startswith('yuv422') and width % 2:
        raise UnreadableImage(f'{topic}: width is {width}, but in {message.encoding} two pixels '
                              f'share their colour; the width or the encoding is wrong')
    if message.is_bigendian:
        dtype = dtype.newbyteorder('>')
    shape, strides = (height, width), (step, encoding.channels * dtype.itemsize)
    if encoding.channels > 1:
        shape, strides = (*shape, encoding.channels), (*strides, dtype.itemsize)  # type: ignore
    pixels: NDArray = np.ndarray(shape, dtype, message.data, strides=strides)
    return pixels.astype(dtype.newbyteorder('='), copy=False), encoding


def _decompressed(message: CompressedImage, topic: str) -> tuple[NDArray, Encoding]:
    data = bytes(message.data)
    for start, (end, name) in FILE_ENDS.items():
        # cameras that give JPEG fill their buffers up with zeros
        if data.startswith(start) and not data.rstrip(b'\0').endswith(end):
            raise UnreadableImage(f'{topic}: data is a {name} of {len(data)} bytes without its end;'
                                  f' the image was cut off')
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # it has no data, or more pixels than OpenCV takes
        pixels = None
    if pixels is None:
        raise UnreadableImage(f'{topic}: data of {len(data)} bytes in format {message.format!r} '
                              f'cannot be decoded; JPEG and PNG are read here, not video or '
                              f'compressedDepth')
    # image_transport writes 'rgb8; jpeg compressed bgr8': what it was; what lies in the file
    was, parted, packed = message.format.partition(';')
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    original = ENCODINGS.get(was.strip())
    if channels == 1 and original is not None and original.channels == 1 \
            and np.dtype(original.dtype) == pixels.dtype:
        return pixels, original  # a Bayer image stays one
    if pixels.dtype not in (np.uint8, np.uint16):
        raise UnreadableImage(f'{topic}: data holds {pixels.dtype} pixels, expected 8 or 16 bits')
    bits = 8 * pixels.itemsize
    if channels == 1:
        return pixels, ENCODINGS[f'mono{bits}']
    if channels == 4:
        pixels = np.ascontiguousarray(pixels[..., :3])  # OpenCV's order; no use for the alpha
    # image_transport's rule: without 'compressed bgr', colours were written as if RGB were BGR
    swapped = (parted and original is not None and original.channels >= 3
               and 'compressed bgr' not in packed)
    return pixels, ENCODINGS[f'rgb{bits}' if swapped else f'bgr{bits}']


@dataclass(frozen=True)
class StereoMessages:
    """One synchronized set."""

    left: Image | CompressedImage
    left_info: CameraInfo
    right: Image | CompressedImage
    right_info: CameraInfo
    arrival: float  # of the last message of the set [monotonic s]

    @property
    def header(self) -> Header:
        """Of everything that is published of the set."""
        return self.left.header


@dataclass(frozen=True)
class MonoMessages:
    """One image and its calibration, of one stamp."""

    image: Image | CompressedImage
    info: CameraInfo
    arrival: float  # of the later one [monotonic s]

    @property
    def header(self) -> Header:
        """Of everything that is published of the image."""
        return self.image.header


def read_stereo(messages: StereoMessages, *, grey: bool = False,
                topics: tuple[str, str, str, str] = STEREO_TOPICS) -> StereoFrame:
    """The pair and its camera. `topics` are the names for errors, in the order of the messages.

    Raises UnreadableImage, or ValueError when sizes or calibration do not fit (camera_checks).
    """
    left_topic, left_info_topic, right_topic, right_info_topic = topics
    left = read_image(messages.left, left_topic, grey=grey)
    right = read_image(messages.right, right_topic, grey=grey)
    size = (left.shape[1], left.shape[0])
    camera_checks.check_same_size(left_topic, size, right_topic, (right.shape[1], right.shape[0]))
    p_left = _projection(messages.left_info, left_info_topic, size, left_topic)
    p_right = _projection(messages.right_info, right_info_topic, size, right_topic)
    baseline = camera_checks.check_pair(left_info_topic, p_left, right_info_topic, p_right, size)
    camera = StereoCamera(_camera(p_left, size), baseline, cx_right=p_right[2])
    return StereoFrame(left, right, camera)


def read_mono(messages: MonoMessages, *, grey: bool = False, topics: tuple[str, str] = MONO_TOPICS
              ) -> MonoFrame:
    """The image and its camera. `topics` are the names for errors, in the order of the messages.

    Raises UnreadableImage, or ValueError when size or calibration do not fit (camera_checks).
    """
    image_topic, info_topic = topics
    image = read_image(messages.image, image_topic, grey=grey)
    size = (image.shape[1], image.shape[0])
    return MonoFrame(image, read_camera(messages.info, info_topic, size, image_topic))


def read_camera(info: CameraInfo, topic: str, size: tuple[int, int] | None = None, image_topic: str = ''
                ) -> Camera:
    """The camera of images of (width, height) `size`, which come on image_topic.

    None: of the images that such a driver sends. Raises ValueError when size or calibration do not fit.
    """
    if size is None:
        size = _size_of_images(info)
        camera_checks.check_makeable(topic, size)
    return _camera(_projection(info, topic, size, image_topic), size)


def _size_of_images(info: CameraInfo) -> tuple[int, int]:
    """(width, height) after cropping (roi) and binning."""
    roi = info.roi
    return ((roi.width or info.width) // max(info.binning_x, 1),
            (roi.height or info.height) // max(info.binning_y, 1))


def _projection(info: CameraInfo, topic: str, size: tuple[int, int], image_topic: str
                ) -> list[float]:
    """P [12] of an image of (width, height) `size`, checked.

    sensor_msgs/CameraInfo: P is of the full resolution; a driver that crops (roi) and then bins
    gives an image of (roi.width / binning_x) x (roi.height / binning_y).
    """
    p = np.asarray(info.p).tolist()
    camera_checks.check_projection(topic, p)
    if size != (info.width, info.height):
        camera_checks.check_image_size(topic, _size_of_images(info), image_topic, size)
    return _of_image(p, info, size)


def _of_image(p: list[float], info: CameraInfo, size: tuple[int, int]) -> list[float]:
    """P of the full resolution [12] -> of its images, of (width, height) `size`: cropped and binned."""
    full = (info.width, info.height)
    if size == full:  # some drivers bin, and say so, but calibrate the binned image
        return p
    roi, bins = info.roi, (max(info.binning_x, 1), max(info.binning_y, 1))
    return _with(p, _camera(p, full).cropped(
        roi.x_offset, roi.y_offset, size[0] * bins[0], size[1] * bins[1]).resized(*size))


def _with(p: list[float], camera: Camera) -> list[float]:
    """P whose camera was cropped or resized; Tx and Ty are in its px, too."""
    tx, ty = p[3] * (camera.fx / p[0]), p[7] * (camera.fy / p[5])
    return [camera.fx, p[1], camera.cx, tx, p[4], camera.fy, camera.cy, ty, *p[8:]]


def _camera(p: list[float], size: tuple[int, int]) -> Camera:
    return Camera(*size, fx=p[0], fy=p[5], cx=p[2], cy=p[6])


def read_map(message: Image, topic: str) -> Map:
    """The values of a 32FC1 image, float32 [H,W], read-only. Raises UnreadableImage."""
    pixels, encoding = _pixels(message, topic)
    if encoding is not FLOAT_MAP:
        raise UnreadableImage(f'{topic}: encoding is {message.encoding!r}, expected 32FC1')
    pixels.flags.writeable = False  # it may be the message's own memory
    return pixels


def read_depth(message: Image, topic: str) -> Map:
    """Depth [m] of a 32FC1 image in m or a 16UC1 one in mm, NaN where it is not positive and finite.

    Raises UnreadableImage.
    """
    if message.encoding not in ('32FC1', '16UC1'):
        raise UnreadableImage(f'{topic}: encoding is {message.encoding!r}, depth is 32FC1 (m) or 16UC1 (mm)')
    values = _pixels(message, topic)[0]
    depth = values * np.float32(1e-3) if message.encoding == '16UC1' else values
    return depth_within(depth)


def read_points(message: PointCloud2, topic: str) -> NDArray[np.floating]:
    """x, y, z of a cloud of any field layout, byte order and padding of rows: [N,3] in its frame [m].

    float32, or float64 where a field is; no points are an empty cloud. Raises UnreadableImage.
    """
    fields = {field.name: field for field in message.fields}
    if missing := [name for name in 'xyz' if name not in fields]:
        raise UnreadableImage(f'{topic}: there is no field {", ".join(missing)}; fields are '
                              f'{", ".join(fields) or "none"}')
    height, width, step = message.height, message.width, message.point_step
    order = '>' if message.is_bigendian else '<'
    formats, offsets = [], [fields[name].offset for name in 'xyz']
    for name in 'xyz':
        if (kind := fields[name].datatype) not in POINT_TYPES:
            raise UnreadableImage(f'{topic}: field {name} has datatype {kind}, known are '
                                  f'{min(POINT_TYPES)} to {max(POINT_TYPES)}')
        formats.append(f'{order}{POINT_TYPES[kind]}')
        if (end := fields[name].offset + np.dtype(formats[-1]).itemsize) > step:
            raise UnreadableImage(f'{topic}: field {name} ends at byte {end}, but point_step is {step}')
    if not (height and width):
        return np.empty((0, 3), np.float32)
    if height > 1 and message.row_step < width * step:
        raise UnreadableImage(f'{topic}: row_step is {message.row_step}, but a row of {width} points '
                              f'takes {width * step} bytes')
    needed, size = (height - 1) * message.row_step + width * step, len(message.data)
    if size < needed:
        raise UnreadableImage(f'{topic}: data has {size} bytes, but {width}x{height} points take '
                              f'{needed}; the cloud was cut off')
    layout = np.dtype({'names': list('xyz'), 'formats': formats, 'offsets': offsets, 'itemsize': step})
    # of a single row the step does not matter, and some drivers leave it 0
    points: NDArray = np.ndarray((height, width), layout, message.data,
                                 strides=(message.row_step, step))
    floats = np.result_type(np.float32, *(of for of in formats if 'f' in of))
    return np.stack([points[name].reshape(-1).astype(floats, copy=False) for name in 'xyz'], axis=-1)


def read_disparity(message: DisparityImage, topic: str) -> Map:
    """Disparity [px] as published, NaN where it is below min_disparity. Raises UnreadableImage."""
    disparity = read_map(message.image, topic)
    return np.where(disparity >= message.min_disparity, disparity, np.float32(np.nan))


def image_message(header: Header, array: NDArray, encoding: str) -> Image:
    """[H,W] or [H,W,C], native byte order; `encoding` must be the one of its type and channels."""
    message = Image(header=header, height=array.shape[0], width=array.shape[1], encoding=encoding,
                    is_bigendian=sys.byteorder == 'big',
                    step=array[0].size * array.itemsize)
    _fill(message, array)
    return message


def _fill(message: Image | PointCloud2, array: NDArray) -> None:
    # into the message's own array: assigning `data` would copy once more
    message.data.frombytes(np.ascontiguousarray(array).reshape(-1).view(np.uint8))


def depth_message(header: Header, depth: Map, *, openni_depth_mode: bool = False) -> Image:
    """Depth [m], NaN unknown, as REP 118 has it: 32FC1 metres; or 16UC1 millimetres, 0 unknown."""
    if not openni_depth_mode:
        return image_message(header, depth.astype(np.float32, copy=False), '32FC1')
    # rounds, NaN and what is negative become 0, and what 16 bits cannot hold their largest value
    millimetres = cv2.addWeighted(depth, 1000.0, depth, 0.0, 0.0, dtype=cv2.CV_16U)
    # which is then unknown, as it is too far for all we know
    millimetres = cv2.threshold(millimetres, 65534, 0, cv2.THRESH_TOZERO_INV)[1]
    return image_message(header, millimetres, '16UC1')


def confidence_message(header: Header, confidence: Map) -> Image:
    """Confidence in [0, 1] as 32FC1."""
    return image_message(header, confidence.astype(np.float32, copy=False), '32FC1')


def color_depth_message(header: Header, bgr: frames.Image) -> Image:
    """A picture of the depth, uint8 [H,W,3] BGR."""
    return image_message(header, bgr, 'bgr8')


def camera_info_message(header: Header, camera: Camera) -> CameraInfo:
    """The info of a rectified image: no distortion, K and P of the camera."""
    fx, fy, cx, cy = camera.fx, camera.fy, camera.cx, camera.cy
    return CameraInfo(
        header=header, width=camera.width, height=camera.height,
        distortion_model='plumb_bob', d=[0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0])


def resized_info(header: Header, info: CameraInfo, topic: str, size: tuple[int, int], wanted: tuple[int, int]
                 ) -> CameraInfo:
    """The info of images of (width, height) `size`, which `read_camera` has accepted, resized to `wanted`.

    K and P are scaled about pixel edges, as by `Camera.resized`; roi and binning are worked into them, and
    gone. D and R are of the lens, and stay.
    """
    p = _projection(info, topic, size, '')
    k = np.asarray(info.k).tolist()
    k = [*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0]  # in the form of P
    # a driver of rectified images may leave K out
    k = _of_image(k, info, size) if k[0] > 0 and k[5] > 0 else p
    p, k = (_with(each, _camera(each, size).resized(*wanted)) for each in (p, k))
    return CameraInfo(
        header=header, width=wanted[0], height=wanted[1], distortion_model=info.distortion_model,
        d=list(info.d), k=[*k[:3], *k[4:7], *k[8:11]],
        r=list(info.r) if any(info.r) else [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], p=p)


def disparity_message(header: Header, disparity: Map, camera: StereoCamera, *, min_disparity: float,
                      max_disparity: float, delta_d: float, virtual: bool = False) -> DisparityImage:
    """Disparity [px] as stereo_msgs/DisparityImage defines it.

    disparity, and the range searched: left column - right column. Published is what the message
    asks for, that less the principal point difference, range included, so that Z = f T / d holds
    for all of them. What is unknown or outside of the range is min_disparity - 1.
    virtual: there is no right image, so no pixel has its match outside of it.
    """
    offset = camera.principal_point_difference
    low, high = np.float32(min_disparity - offset), np.float32(max_disparity - offset)
    known = (disparity >= min_disparity) & (disparity <= max_disparity)
    published = np.subtract(disparity, np.float32(offset), dtype=np.float32)
    np.clip(published, low, high, out=published)  # rounding must not push a bound out of the range
    published[~known] = low - 1
    return DisparityImage(
        header=header, image=image_message(header, published, '32FC1'),
        f=float(camera.left.fx), t=float(camera.baseline),
        valid_window=_valid_window(camera.left, *((0, 0) if virtual else (min_disparity, max_disparity))),
        min_disparity=float(low), max_disparity=float(high), delta_d=float(delta_d))


def _valid_window(camera: Camera, min_disparity: float, max_disparity: float) -> RegionOfInterest:
    """The pixels whose match lies inside the right image for every disparity of the range.

    Column x matches column x - d: 0 <= x - max_disparity and x - min_disparity <= width - 1.
    """
    first = min(max(int(np.ceil(max_disparity)), 0), camera.width)
    last = min(int(np.floor(min_disparity)), 0) + camera.width - 1
    width = max(last - first + 1, 0)
    return RegionOfInterest(x_offset=first, width=width, height=camera.height if width else 0)


def points_message(header: Header, depth: Map, image: frames.Image, camera: Camera, *,
                   decimation: int = 1, reuse: PointCloud2 | None = None) -> PointCloud2:
    """Organized points x y z [m] and rgb, 16 bytes each, of every n-th row and column.

    depth: [H,W] m, NaN unknown; a point that is unknown is NaN in x, y and z.
    image: uint8 [H,W,3] RGB or [H,W] grey.
    reuse: a message made here before and not needed any more: it is filled again if its size fits,
    because fresh memory of that size costs more than the arithmetic.
    """
    depth, image = depth[::decimation, ::decimation], image[::decimation, ::decimation]
    shape = (*depth.shape, len(POINT_FIELDS))
    message = reuse
    if message is None or len(message.data) != 4 * math.prod(shape):
        message = PointCloud2()
        message.data.frombytes(bytes(4 * math.prod(shape)))
    points = np.frombuffer(message.data, np.float32).reshape(shape)  # the message's own memory
    points_from_depth(depth, decimated(camera, decimation), out=points)
    # OpenCV's BGRA in memory is 0xAARRGGBB; alpha must be 0, or bright colours are NaN as a float
    bgra = cv2.cvtColor(image, cv2.COLOR_GRAY2BGRA if image.ndim == 2 else cv2.COLOR_RGB2BGRA)
    np.bitwise_and(bgra.view('<u4')[..., 0], 0x00FFFFFF, out=points.view(np.uint32)[..., 3])
    message.header, message.height, message.width = header, shape[0], shape[1]
    message.is_bigendian, message.is_dense = sys.byteorder == 'big', False
    message.point_step, message.row_step = points[0, 0].nbytes, points[0].nbytes
    message.fields = [PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
                      for i, name in enumerate(POINT_FIELDS)]
    return message

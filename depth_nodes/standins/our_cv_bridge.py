"""A stand-in for the Python part of cv_bridge, for where that cannot be used."""

import re
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header


class CvBridgeError(TypeError):
    """A conversion that is not possible."""


class _Layout(NamedTuple):
    dtype: np.dtype
    channels: int
    colour: str | None  # as OpenCV's conversion codes call it; None: numbers without a meaning


_NUMBERS = {'8U': 'u1', '8S': 'i1', '16U': 'u2', '16S': 'i2', '32S': 'i4', '32F': 'f4', '64F': 'f8'}
_COLOURS = {'mono': ('GRAY', 1), 'rgb': ('RGB', 3), 'bgr': ('BGR', 3), 'rgba': ('RGBA', 4),
            'bgra': ('BGRA', 4),
            # OpenCV names a pattern by the second row, from its second pixel on
            'bayer_rggb': ('BayerBG', 1), 'bayer_bggr': ('BayerRG', 1),
            'bayer_gbrg': ('BayerGR', 1), 'bayer_grbg': ('BayerGB', 1)}
_LAYOUTS = {f'{name}{bits}': _Layout(np.dtype(f'u{bits // 8}'), channels, colour)
            for name, (colour, channels) in _COLOURS.items() for bits in (8, 16)}
_LAYOUTS['yuv422'] = _Layout(np.dtype('u1'), 2, 'UYVY')
_LAYOUTS['yuv422_yuy2'] = _Layout(np.dtype('u1'), 2, 'YUY2')


class CvBridge:
    """Converts between sensor_msgs images and numpy arrays [H,W] or [H,W,C] as OpenCV has them."""

    def imgmsg_to_cv2(self, img_msg: Image, desired_encoding: str = 'passthrough') -> NDArray:
        """The image in `desired_encoding`; with 'passthrough' in its own, maybe sharing memory.

        Colours are converted, 8 and 16 bits are scaled to each other. Raises CvBridgeError.
        """
        layout = _layout(img_msg.encoding)
        dtype = layout.dtype.newbyteorder('>' if img_msg.is_bigendian else '<')
        pixel = layout.channels * dtype.itemsize
        shape, strides = [img_msg.height, img_msg.width], [img_msg.step, pixel]
        if layout.channels > 1:
            shape.append(layout.channels)
            strides.append(dtype.itemsize)
        if img_msg.step < img_msg.width * pixel:
            raise CvBridgeError(f'step {img_msg.step} is less than a row of {img_msg.width} pixels '
                                f'{img_msg.encoding}')
        try:
            image: NDArray = np.ndarray(shape, dtype, img_msg.data, strides=strides)
        except (TypeError, ValueError) as error:
            raise CvBridgeError(f'{len(img_msg.data)} bytes are not {img_msg.height} rows with '
                                f'step {img_msg.step}: {error}') from error
        image = np.ascontiguousarray(image, layout.dtype)
        if desired_encoding == 'passthrough':
            return image
        return _converted(image, img_msg.encoding, desired_encoding)

    def compressed_imgmsg_to_cv2(self, cmprs_img_msg: CompressedImage,
                                 desired_encoding: str = 'passthrough') -> NDArray:
        """The decoded image, BGR if it has colours, or in `desired_encoding`."""
        data = np.frombuffer(cmprs_img_msg.data, np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        if image is None:
            raise CvBridgeError(f'{data.size} bytes of {cmprs_img_msg.format!r} are no image')
        if desired_encoding == 'passthrough':
            return image
        colour = {2: 'mono', 3: 'bgr', 4: 'bgra'}[2 if image.ndim == 2 else image.shape[2]]
        return _converted(image, f'{colour}{8 * image.itemsize}', desired_encoding)

    def cv2_to_imgmsg(self, cvim: NDArray, encoding: str = 'passthrough',
                      header: Header | None = None) -> Image:
        """A message of the image, whose type must be that of `encoding`; 'passthrough': 8UC3..."""
        layout = _layout_of(cvim)
        generic = _generic_name(layout)
        if encoding == 'passthrough':
            encoding = generic
        elif _layout(encoding)[:2] != layout[:2]:
            raise CvBridgeError(f'encoding is {encoding}, but the image is {generic}')
        message = Image(height=cvim.shape[0], width=cvim.shape[1], encoding=encoding,
                        is_bigendian=cvim.dtype.byteorder == '>')
        if header is not None:
            message.header = header
        message.data.frombytes(cvim.tobytes())
        message.step = len(message.data) // cvim.shape[0]
        return message

    def cv2_to_compressed_imgmsg(self, cvim: NDArray, dst_format: str = 'jpg') -> CompressedImage:
        """A message of the image [H,W] or [H,W,3] BGR as a file of that kind: jpg, png, ..."""
        _layout_of(cvim)
        try:
            data = cv2.imencode(f'.{dst_format}', cvim)[1]
        except cv2.error as error:
            raise CvBridgeError(f'{dst_format}: {error}') from error
        message = CompressedImage(format=dst_format)
        message.data.frombytes(data.tobytes())
        return message


def _layout(encoding: str) -> _Layout:
    if encoding in _LAYOUTS:
        return _LAYOUTS[encoding]
    parts = re.fullmatch(r'(8U|8S|16U|16S|32S|32F|64F)(?:C(\d+))?', encoding)
    if parts is None:
        raise CvBridgeError(f'Unrecognized image encoding [{encoding}]')
    return _Layout(np.dtype(_NUMBERS[parts[1]]), int(parts[2] or 1), None)


def _layout_of(image: NDArray) -> _Layout:
    if not isinstance(image, np.ndarray):
        raise TypeError('Your input type is not a numpy array')
    return _Layout(image.dtype.newbyteorder('='), 1 if image.ndim < 3 else image.shape[2], None)


def _generic_name(layout: _Layout) -> str:
    for name, dtype in _NUMBERS.items():
        if layout.dtype == np.dtype(dtype):
            return f'{name}C{layout.channels}'
    raise CvBridgeError(f'no encoding has pixels of {layout.dtype}')


def _converted(image: NDArray, source_name: str, target_name: str) -> NDArray:
    source, target = _layout(source_name), _layout(target_name)
    if (target.colour or '').startswith('Bayer') and source_name != target_name:
        raise CvBridgeError(f'[{target_name}] is a mosaic, which only cameras make')
    if source.colour and target.colour and source.colour != target.colour:
        name = f'{source.colour}2{target.colour}'
        if source.colour in ('UYVY', 'YUY2'):
            name = f'YUV2{target.colour}_{source.colour}'
        code = getattr(cv2, f'COLOR_{name}', None)
        # OpenCV could give a mosaic an alpha channel; cv_bridge refuses to
        if code is None or (name.startswith('Bayer') and name.endswith('A')):
            raise CvBridgeError(f'Unsupported conversion from [{source_name}] to [{target_name}]')
        return _to_type(cv2.cvtColor(image, code), target.dtype)
    if source.channels != target.channels or (target.colour and not source.colour):
        raise CvBridgeError(f'[{source_name}] has no meaning as [{target_name}]')
    return image.copy() if image.dtype == target.dtype else _to_type(image, target.dtype)


def _to_type(image: NDArray, dtype: np.dtype) -> NDArray:
    """8 and 16 bits scaled to each other, other numbers kept, rounded and cut off at the bounds."""
    if image.dtype == dtype:
        return image
    scale = {(1, 2): 65535 / 255, (2, 1): 255 / 65535}.get((image.itemsize, dtype.itemsize), 1.0)
    if image.dtype == np.uint16 and dtype == np.uint8:
        return cv2.convertScaleAbs(image, alpha=scale)
    values = image * np.float64(scale)
    if dtype.kind in 'iu':
        bounds = np.iinfo(dtype)
        values = np.clip(np.rint(values), bounds.min, bounds.max)
    return values.astype(dtype)

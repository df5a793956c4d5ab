"""Unrectified images of sets, rectified by their calibration, unless they turn out to be rectified."""

from collections.abc import Mapping
from typing import Any

from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_nodes import conversions
from depth_nodes.replay.cameras import Rectifier, row_misfit
from depth_nodes.replay.roles import CALIBRATION, DEPTHS, LEFT, RIGHT

TRIES = 5  # pairs that are looked at for whether they are rectified already
RECTIFIED = 1.0  # px that the rows of a rectified pair are apart, at most


class Rectifying:
    """What image_proc/rectify does, for some roles of a set."""

    def __init__(self, raw: Mapping[str, str], infos: Mapping[str, CameraInfo]) -> None:
        """raw: role -> topic. infos: role of a camera_info -> calibration. Raises ValueError."""
        self._raw, self._tries = raw, TRIES if {LEFT, RIGHT} <= raw.keys() else 0
        self._rectifiers: dict[str, tuple[CameraInfo, Rectifier]] = {}
        self.said: list[str] = []
        for role, topic in raw.items():
            info = infos[CALIBRATION[role]]
            if self._rectifier(role, info).changes:
                d = ', '.join(f'{value:.4g}' for value in info.d)
                self.said.append(f'{topic} is rectified by {CALIBRATION[role]} (D = {d}; '
                                 f'{info.distortion_model}).')
            else:
                self.said.append(f'{topic} needs no rectification: D is zero, R the identity, K that of P.')
        if not any(rectifier.changes for _, rectifier in self._rectifiers.values()):
            self._tries = 0

    def rectify(self, messages: dict[str, Any]) -> dict[str, str]:
        """Put rectified images and calibrations in place.

        Returns role -> why, of images that could not be rectified, and are gone.
        """
        failed, infos = {}, dict(messages)
        if self._tries and {LEFT, RIGHT} <= messages.keys():
            self._tries -= 1
            self._doubt(messages)
        for role in self._raw.keys() & messages.keys():
            info = CALIBRATION[role]
            rectifier = self._rectifier(role, infos[info])
            if not rectifier.changes:
                continue
            try:
                messages[role] = _rectified(messages[role], role, rectifier)
                messages[info] = rectifier.info_of((messages[role].width, messages[role].height))
            except ValueError as error:
                failed[role] = str(error)
                del messages[role]
        return failed

    def _rectifier(self, role: str, info: CameraInfo) -> Rectifier:
        """Of this calibration; its maps are kept while it stays."""
        if role not in self._rectifiers or self._rectifiers[role][0] is not info:
            self._rectifiers[role] = info, Rectifier(info, CALIBRATION[role])
        return self._rectifiers[role][1]

    def _doubt(self, messages: Mapping[str, Any]) -> None:
        """Names lie: kitti2bag calls images raw that KITTI has rectified. Their rows tell."""
        try:
            images = [conversions.read_image(messages[role], role, grey=True) for role in (LEFT, RIGHT)]
            as_they_are = row_misfit(*images)
            rectified = row_misfit(*(self._rectifier(role, messages[CALIBRATION[role]])(image)
                                     for role, image in zip((LEFT, RIGHT), images)))
        except ValueError:
            return  # it will be said of the set
        if as_they_are is None:
            return
        self._tries = 0
        # rectified ones, distorted once more, may have nothing left in common
        if as_they_are < RECTIFIED and (rectified is None or as_they_are < 0.5 * rectified):
            then = 'find nothing of each other' if rectified is None else f'are {rectified:.2g} px apart'
            self.said = [f'{self._raw[LEFT]} and {self._raw[RIGHT]} are rectified already, whatever they are '
                         f'called: rows are {as_they_are:.2g} px apart, rectified once more they {then}.']
            self._raw = {role: topic for role, topic in self._raw.items() if role not in (LEFT, RIGHT)}


def _rectified(message: Image | CompressedImage, role: str, rectifier: Rectifier) -> Image:
    """A message of the rectified image, under the same header."""
    if role in DEPTHS:
        depth = conversions.read_depth(message, role)
        return conversions.image_message(message.header, rectifier(depth, nearest=True), '32FC1')
    image = conversions.read_image(message, role)
    return conversions.image_message(message.header, rectifier(image), 'mono8' if image.ndim == 2 else 'rgb8')

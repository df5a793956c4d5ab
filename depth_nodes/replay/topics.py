"""Which topics of a bag a node is fed with: found by type and name, said, and open to being overridden."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from depth_nodes.low_res import LOW_RES, LOW_RES_INFO
from depth_nodes.replay import topic_names as names
from depth_nodes.replay.candidates import TRUTH, Given, best, fitting, nothing_for
from depth_nodes.replay.roles import (
    CALIBRATION,
    CAMERA,
    DEPTHS,
    KINDS,
    LEFT,
    PICTURE,
    RIGHT,
    Listed,
    Role,
    roles,
)
from depth_nodes.sparse_depth import IMAGE as SPARSE_IMAGE
from depth_nodes.sparse_depth import POINTS as SPARSE_POINTS

__all__ = ['KINDS', 'Choice', 'Role', 'choose', 'roles']


class Choice(NamedTuple):
    """The topics of a bag that take the roles of a node's topics."""

    topics: dict[str, str | None]  # role -> topic of the bag; None: a camera_info that a file must give
    raw: frozenset[str]  # roles whose images are to be rectified first
    compressed: frozenset[str]  # roles whose images are CompressedImage
    truth: tuple[str, str] | None  # 'depth', 'disparity' or 'points', and its topic
    said: list[str]  # what was chosen and why, a sentence each
    optional: frozenset[str] = frozenset()  # roles among `topics` that a set can do without


def choose(kind: str, infos: Mapping[str, Listed],
           overrides: Mapping[str, str] = MappingProxyType({})) -> Choice:
    """The topics of a bag for a kind of node.

    infos: of every topic of the bag, those without messages too. overrides: role -> topic. A role
    .../image_rect takes a topic as it is; the same role called .../image_raw has it rectified. The role
    'truth' is what answers are compared with. The topic 'none' leaves an optional role empty, and a
    camera_info to a file. Raises ValueError, in a sentence, when a role cannot be filled, or when
    several topics fit it equally well.
    """
    return _Search(kind, infos, overrides).choice()


class _Search:
    """One choice in the making."""

    def __init__(self, kind: str, infos: Mapping[str, Listed], overrides: Mapping[str, str]) -> None:
        self.kind, self.infos = kind, infos
        self.roles = {role.topic: role for role in roles(kind)}
        self.given = Given(kind, self.roles, infos, overrides)
        self.found: dict[str, str | None] = {}
        self.said: list[str] = []

    def choice(self) -> Choice:
        find = {'stereo': self._stereo, 'sparse_depth': self._sparse_depth,
                'super_resolution': self._super_resolution}.get(self.kind, self._mono)
        find()
        topics = {role: self.found[role] for role in self.roles if role in self.found}
        compressed = frozenset(role for role, topic in topics.items()
                               if topic and self.infos[topic].type_name == names.COMPRESSED)
        # sets are built around the first one
        optional = frozenset(role for role in list(topics)[1:] if self.roles[role].optional)
        return Choice(topics, self._raw(topics), compressed, self._truth(), self.said, optional)

    def _stereo(self) -> None:
        pairs = [(left, right) for left in self._fits(LEFT) for right in self._fits(RIGHT)
                 if {LEFT, RIGHT} <= self.given.topics.keys()  # then whatever they are called
                 or (names.pairing(names.bare(left), names.bare(right))
                 and self.infos[left].type_name == self.infos[right].type_name)]
        if not pairs:
            raise nothing_for(f'{LEFT} and {RIGHT} of a pair', self.roles[LEFT].types, self.infos)

        def both(measure: Callable[[str], Any]) -> Callable[[tuple[str, str]], Any]:
            return lambda pair: min(map(measure, pair))

        pair = self._best(LEFT, pairs, (
            ('rectified', both(names.is_rectified)), ('not compressed', both(self._is_plain)),
            ('with camera_info', both(self._is_calibrated)), ('in colour', both(names.colour)),
            ('named left and right, or of the lowest numbers',
             lambda pair: names.pairing(*map(names.bare, pair)) or (1, 0))), called=' with '.join)
        infos = [self._info_of(topic) for topic in pair]
        for role, topic, info in zip((LEFT, RIGHT), pair, infos):
            self.found[role] = topic
            # a calibration above both is neither's
            self._calibrate(CALIBRATION[role], topic, None if infos[0] == infos[1] else info)

    def _mono(self) -> None:
        self._picture(self._fits(PICTURE))
        for role in (SPARSE_IMAGE, SPARSE_POINTS):
            # other depth is of another camera, or the truth
            fits = [topic for topic in self._fits(role)
                    if role in self.given.topics or 'sparse' in names.words(topic)]
            if fits:
                self.found[role] = self._best(role, fits, ())

    def _sparse_depth(self) -> None:
        sparse = [(role, topic) for role in (SPARSE_IMAGE, SPARSE_POINTS) for topic in self._fits(role)]
        sparse = [each for each in sparse if each[0] in self.given.topics] or sparse
        if not sparse:
            types = (*self.roles[SPARSE_IMAGE].types, *self.roles[SPARSE_POINTS].types)
            raise nothing_for(f'{SPARSE_IMAGE} or {SPARSE_POINTS}', types, self.infos)
        kinds = list(dict(sparse))
        role, topic = self._best(' or '.join(kinds), sparse, (
            ('named sparse', lambda each: 'sparse' in names.words(each[1])),
            ('of a LiDAR by its name', lambda each: names.is_lidar(each[1])),
            ('points', lambda each: each[0] == SPARSE_POINTS)),
            called=lambda each: each[1] if len(kinds) == 1 else f'{each[1]} as {each[0]}')
        self.found[role] = topic
        info = self._info_of(topic) if role == SPARSE_IMAGE else None
        pictures = self._fits(PICTURE)
        if info and pictures and PICTURE not in self.given.topics:
            pictures = [each for each in pictures
                        if self._info_of(each) == info or names.is_registered(topic, each)]
            if not pictures:
                self.said.append(f'{PICTURE}: left out, no image is of the camera of {topic}.')
        if pictures:
            self._picture(pictures)
            return
        cameras = [name for name, each in self.infos.items() if each.type_name == names.INFO and each.count]
        if info is None and CAMERA not in self.given.topics and cameras:
            info = self._best(CAMERA, cameras, ())
        self._calibrate(CAMERA, topic, info)

    def _super_resolution(self) -> None:
        low = self._best(LOW_RES, self._fits(LOW_RES), (
            ('named low_res', lambda topic: {'low', 'res'} <= set(names.words(topic))),
            ('not of the size of another camera', lambda topic: 'aligned' not in names.words(topic)),
            ('with camera_info', self._is_calibrated)))
        self.found[LOW_RES] = low
        self._calibrate(LOW_RES_INFO, low, self._info_of(low))
        if pictures := self._fits(PICTURE):
            self._picture([topic for topic in pictures if names.is_registered(low, topic)] or pictures)

    def _picture(self, pictures: Sequence[str]) -> None:
        """One camera's image, and its calibration."""
        topic = self._best(PICTURE, pictures, (
            ('in colour', names.colour), ('rectified', names.is_rectified),
            ('not compressed', self._is_plain),
            ('with camera_info', self._is_calibrated), ('of no pair, or left', names.side)))
        self.found[PICTURE] = topic
        self._calibrate(CAMERA, topic, self._info_of(topic))

    def _calibrate(self, role: str, topic: str, info: str | None) -> None:
        """Take this calibration of a topic, unless another one was given."""
        self.found[role] = self.given.topics.get(role, info)
        if self.found[role]:
            self.said.append(f'{role}: {self.found[role]}.')
        elif role in self.given.topics:
            self.said.append(f'{role}: from a file, as was asked.')
        else:
            silent = [name for name in names.calibrations(topic) if name in self.infos]
            why = f'{silent[0]} has no messages' if silent else 'the bag has none'
            self.said.append(f'{role}: {why} for {topic}; it has to come from a file '
                             f'(--camera-info {role}=FILE.yaml).')

    def _raw(self, topics: Mapping[str, str | None]) -> frozenset[str]:
        """Roles to rectify: as was said, or else by name."""
        raw = set()
        for role in CALIBRATION.keys() & topics.keys():
            topic = topics[role] or ''
            # maps are called image, and raw ones image_raw
            by_name = not names.is_rectified(topic) and (role not in DEPTHS or 'raw' in names.words(topic))
            if role in self.given.to_rectify or (by_name and role not in self.given.as_is):
                raw.add(role)
                if role not in self.given.to_rectify:
                    self.said.append(f'{role}: {topic} is not rectified, by its name; if it is, say '
                                     f'--topic {role}={topic}.')
        return frozenset(raw)

    def _truth(self) -> tuple[str, str] | None:
        """What answers can be compared with: named so, or a sensor's depth of the same pixels."""
        if TRUTH in self.given.topics:
            topic = self.given.topics[TRUTH]
            return (names.truth_of(topic, self.infos[topic].type_name), topic) if topic else None
        picture = next((topic for role in (LEFT, PICTURE, LOW_RES) if (topic := self.found.get(role))), '')
        order = ['points', *(('depth', 'disparity') if self.kind == 'stereo' else ('disparity', 'depth'))]
        ranked = []
        for name, info in self.infos.items():
            what = names.content(name, info.type_name)
            if what not in order or not info.count or name in self.found.values():
                continue
            named = names.is_truth(name)
            if named or (what == 'depth' and names.is_registered(name, picture)):
                near = len(set(names.words(name)) & set(names.words(picture)))
                ranked.append((named, names.side(name) > 0, order.index(what), near, what, name))
        if not ranked:
            self.said.append(f'{TRUTH}: none; give one by --truth.')
            return None
        named, *_, what, name = max(ranked)
        because = '' if named else f', the depth of a sensor for {picture}: no more exact than that'
        self.said.append(f'{TRUTH}: {what} on {name}{because}.')
        return what, name

    def _fits(self, role: str) -> list[str]:
        content = {SPARSE_POINTS: names.CLOUD, SPARSE_IMAGE: names.DEPTH, LOW_RES: names.DEPTH}
        return fitting(self.roles[role], content.get(role, names.PICTURE), self.infos, self.given)

    def _best(self, role: str, fits: Sequence[Any], criteria: Sequence[tuple[str, Callable[[Any], Any]]], *,
              called: Callable[[Any], str] = str) -> Any:
        if not fits:
            raise nothing_for(role, self.roles[role].types, self.infos)
        found, sentence = best(role, fits, criteria, called=called)
        self.said.append(sentence)
        return found

    def _info_of(self, topic: str) -> str | None:
        return next((name for name in names.calibrations(topic) if name in self.infos
                     and self.infos[name].type_name == names.INFO and self.infos[name].count), None)

    def _is_calibrated(self, topic: str) -> bool:
        return self._info_of(topic) is not None

    def _is_plain(self, topic: str) -> bool:
        return self.infos[topic].type_name != names.COMPRESSED

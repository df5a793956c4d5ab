"""Candidates for a role: what somebody gave, what fits, and the best of those."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeVar

from depth_nodes.replay import topic_names as names
from depth_nodes.replay.roles import CALIBRATION, Listed, Role

NONE = 'none'  # given as a topic: do without
TRUTH = 'truth'  # given as a role: what the answers are compared with
T = TypeVar('T')


class Given:
    """What somebody said about the topics of a bag: role -> topic, None for 'none'."""

    def __init__(self, kind: str, roles: Mapping[str, Role], infos: Mapping[str, Listed],
                 overrides: Mapping[str, str]) -> None:
        """Raises ValueError, in a sentence, when it cannot be so."""
        self._kind, self._roles, self._infos = kind, roles, infos
        self.topics: dict[str, str | None] = {}
        self.as_is: set[str] = set()  # roles of images that are rectified, whatever they are called
        self.to_rectify: set[str] = set()  # of those that are not
        for name, topic in overrides.items():
            self._take(name, topic)

    def _take(self, name: str, topic: str) -> None:
        role = f'{name.removesuffix("image_raw")}image_rect' if name.endswith('image_raw') else name
        if role != TRUTH and role not in self._roles:
            raise ValueError(f'--topic {name}={topic}: a {self._kind} node has no topic {name}; it has '
                             f'{", ".join(self._roles)}')
        if topic == NONE:
            if role != TRUTH and not (self._roles[role].optional or role in CALIBRATION.values()):
                raise ValueError(f'--topic {name}={topic}: a {self._kind} node needs {role}')
            self.topics[role] = None
            return
        found = self._named(name, topic)
        info = self._infos[found]
        types = names.TRUTHS if role == TRUTH else self._roles[role].types
        if info.type_name not in types:
            raise ValueError(f'--topic {name}={topic}: it is {info.type_name}, expected {" or ".join(types)}')
        if not info.count:
            raise ValueError(f'--topic {name}={topic}: there are no messages on it')
        self.topics[role] = found
        if role in CALIBRATION:
            (self.to_rectify if name != role else self.as_is).add(role)

    def _named(self, name: str, topic: str) -> str:
        """The topic that is meant, though its slash or its transport is left out."""
        absolute = f'/{topic.lstrip("/")}'
        for meant in (topic, absolute, f'{absolute}/compressed'):
            if meant in self._infos:
                return meant
        near = get_close_matches(absolute, self._infos, n=3) or sorted(self._infos)
        raise ValueError(f'--topic {name}={topic}: the bag has no such topic; it has {", ".join(near)}')


def fitting(role: Role, content: str, infos: Mapping[str, Listed], given: Given) -> list[str]:
    """Topics with messages that can take a role, by type and name; or the one that was given."""
    if role.topic in given.topics:
        topic = given.topics[role.topic]
        return [] if topic is None else [topic]
    return [name for name, info in infos.items()
            if info.type_name in role.types and info.count and not names.is_truth(name)
            and names.content(name, info.type_name) == content]


def best(role: str, fits: Sequence[T], criteria: Sequence[tuple[str, Callable[[T], object]]], *,
         called: Callable[[T], str] = str) -> tuple[T, str]:
    """The candidate that wins by the first criterion that tells it from others, and a sentence about it.

    fits: one at least. criteria: in words, and the measure, higher is better. Raises ValueError when
    nothing tells the best from another.
    """
    def rank(each: T) -> tuple:
        return tuple(measure(each) for _, measure in criteria)

    first, *others = sorted(fits, key=rank, reverse=True)
    if not others:
        return first, f'{role}: {called(first)}.'
    equal = [called(each) for each in (first, *others) if rank(each) == rank(first)]
    if len(equal) > 1:
        raise ValueError(f'{len(equal)} candidates for {role} are equally likely: {", ".join(equal)}; '
                         f'choose one by --topic {role}=TOPIC')
    reason = next(words for (words, _), one, other in zip(criteria, rank(first), rank(others[0]))
                  if one != other)
    return first, f'{role}: {called(first)} ({reason}), not {", ".join(map(called, others))}.'


def nothing_for(role: str, types: Sequence[str], infos: Mapping[str, Listed]) -> ValueError:
    """That no topic fits a role, with those of its types that the bag has."""
    silent = sorted(name for name, info in infos.items() if info.type_name in types and not info.count)
    heard = sorted(name for name, info in infos.items() if info.type_name in types and info.count)
    there = f'of its types the bag has {", ".join(heard)}' if heard else \
        f'the bag has no messages of {" or ".join(types)}'
    if silent:
        there += f'; without any message there {"is" if len(silent) == 1 else "are"} {", ".join(silent)}'
    return ValueError(f'no topic looks like {role}: {there}; choose one by --topic {role}=TOPIC')

"""
Rooms as people furnish them: kitchens, living rooms, offices, bedrooms and bathrooms.

What is for one camera only: a network that sees one image has to know what rooms are like. Kitchens have
rows of cupboards along their walls, chairs stand around tables, cups stand on them, and what hangs on the
wall behind a worktop is as far as the wall.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_models.data.world import shapes
from depth_models.data.world.furniture import Library, Piece
from depth_models.data.world.places import Place
from depth_models.data.world.room import Room, Table
from depth_models.data.world.things import Builder, chair, cupboards, dining, notices, up

Vector = NDArray[Any]

SHELL = 6  # surfaces of a room: floor, ceiling and walls, which are put first
TRIES = 12  # places looked at for something that needs room
CAMERA = 0.3  # m around a camera that nothing stands in
WALL = 0.15  # m that a camera before a table keeps from walls
OVER_TABLES = 0.35  # of the places for a camera in rooms with tables; fewer of the others show enough
NEAR_A_TABLE = 0.25  # m: so near may a tenth of a view lie there
THINGS = (2, 14)  # of which a view shows as many at least, by chance
# as colours of paint and fronts go: white, cream, greys, wood, a few bright ones; reflectance
FRONTS = np.array([[0.75, 0.75, 0.72], [0.65, 0.58, 0.42], [0.3, 0.3, 0.3], [0.08, 0.08, 0.09],
                   [0.32, 0.18, 0.08], [0.5, 0.33, 0.18], [0.15, 0.06, 0.03], [0.4, 0.03, 0.03],
                   [0.06, 0.12, 0.3], [0.1, 0.25, 0.1], [0.5, 0.3, 0.04], [0.15, 0.25, 0.28]])
MACHINES = r'^oven|^sink|^washing|^clothes washing|drawers cabinet|^dryer|small oven'
TABLES = r'\btable\b|\bdesk\b'
NOT_TABLES = r'coffee|bedside|tennis|dressing|changing|pool|football|children|bar table'
SEATS = r'chair|stool|class seat'
NOT_SEATS = r'wheel|children|child|baby|deck|beach|high chair|ryokan'
BESIDE_WALLS = {
    'living': (r'sofa|couch|bookcase|shelves|tv stand|dresser|piano|fireplace|aquarium|radiator|'
               r'cupboard|contemporary|fridge|day bed'),
    'office': r'bookcase|shelves|filing|box|white board|water cooler|radiator|desk|cupboard|locker|safe',
    'bedroom': (r'bed$|bed\b|wardrobe|cupboard|shelves|chest|dressing|bookcase|crib|clothes rack|'
                r'radiator|desk'),
    'bathroom': (r'bath|toilets unit|bidet|vanity|washbasin|shower stall|washing machine|basket|radiator|'
                 r'urinal|lavatory|dryer'),
    'kitchen': r'fridge|refrigerator|high cabinet|stove$|bookcase|shelves|radiator|trash|dresser'}
IN_THE_OPEN = {
    'living': r'armchair|chair|coffee table|table|puff|plant|ottoman|lamp$|rug|carpet|vase|sofa|yucca',
    'office': r'chair|armchair|dustbin|plant|table|desk|box|printer|briefcase|yucca',
    'bedroom': r'chair|bedside|rug|carpet|crib|plant|horse|chest|armchair|suitcase|basket',
    'bathroom': r'bathmat|basket|potty|stool|bin',
    'kitchen': r'chair|stool|island|trash|plant|baby high|step ladder|broom'}
ON_WALLS = r'wall|radiator|towel|curtain|blind|clock|intercom|dart|air condition|water heater|flat tv|hanger'


def furnish(build: Builder, library: Library) -> tuple[Room, str]:
    """A room of any kind with what belongs there; floor, ceiling and walls come first."""
    rng = build.rng
    kind = str(rng.choice(['kitchen', 'living', 'office', 'bedroom', 'bathroom'], p=[.4, .22, .2, .12, .06]))
    most = {'bathroom': 3.5, 'kitchen': 5.2}.get(kind, 6.5)
    if most > 6 and rng.random() < 0.2:  # neither a kitchen nor a bathroom
        most = 9.0
    size = np.append(rng.uniform(1.8 if kind == 'bathroom' else 2.5, most, 2), build.uniform(2.3, 3.0))
    room = Room(build, library, size)
    _shell(room)
    if kind == 'kitchen':
        first = int(rng.integers(4))
        walls = [first, (first + int(rng.choice([1, 3]))) % 4]
        for wall in walls[:int(rng.choice([1, 2], p=[0.4, 0.6]))]:
            _worktops(room, wall)
        if rng.random() < 0.8:
            _table_with_chairs(room)
    if kind in ('living', 'office') and rng.random() < 0.6:
        _table_with_chairs(room)
    for wall in rng.permutation(4):
        _along(room, int(wall), BESIDE_WALLS[kind], int(rng.integers(0, 5)))
        _on_wall(room, int(wall))
    for _ in range(int(rng.integers(1, 7))):
        piece = room.choose(IN_THE_OPEN[kind], largest=2.5)
        if piece is not None:
            _somewhere(room, piece)
    if rng.random() < 0.12:
        piece = room.choose(r'male', lowest=0.8)
        if piece is not None:
            _somewhere(room, piece)
    return room, kind


def stand(room: Room) -> Place:
    """Where a camera may be, and what it looks at: held or carried, or on a robot."""
    rng = room.build.rng
    things = int(rng.integers(*THINGS))
    if room.tables and rng.random() < OVER_TABLES:
        return _before_a_table(room, room.tables[int(rng.integers(len(room.tables)))], things)
    high = room.build.uniform(1.1, 1.8) if rng.random() < 0.75 else room.build.uniform(0.3, 1.1)
    for _ in range(4 * TRIES):
        eye = np.append(rng.uniform(-0.45, 0.45, 2) * room.size[:2], high)
        if not any(x0 - CAMERA < eye[0] < x1 + CAMERA and y0 - CAMERA < eye[1] < y1 + CAMERA
                   and top > high - 0.25 for x0, y0, x1, y1, top in room.taken):
            break
    heading = np.arctan2(-eye[1], -eye[0]) + rng.normal(0, 0.7)
    if room.taken and rng.random() < 0.7:  # at something that stands there, what is long more often
        corners = np.array(room.taken)[:, :4].reshape(-1, 2, 2)
        long = (corners[:, 1] - corners[:, 0]).max(1)
        one = corners[rng.choice(len(long), p=long / long.sum())]
        east, north = rng.uniform(one[0], one[1]) - eye[:2]
        heading = np.arctan2(north, east) + rng.normal(0, 0.2)
    pitch = rng.normal(-20, 12) if high > 0.8 else rng.normal(0, 6)
    return Place(eye, eye + _forward(heading, pitch), rng.uniform(0.4, 1.1), things)


def _before_a_table(room: Room, table: Table, things: int) -> Place:
    """Before a table or over its edge, as one sits or stands there: behind it lies the room."""
    rng, build = room.build.rng, room.build
    sides = table.size[:2]
    axis = int(np.argmax(sides)) ^ int(rng.random() < 0.6)  # the camera is beyond the end of this one
    before = rng.uniform(-0.5, 0.5, 2) * sides
    before[axis] = rng.choice([-1, 1]) * (sides[axis] / 2 + build.uniform(-0.2, 0.6))
    eye = table.at + table.turn @ np.append(before, table.size[2] + build.uniform(0.3, 0.95))
    eye[:2] = np.clip(eye[:2], WALL - room.size[:2] / 2, room.size[:2] / 2 - WALL)
    east, north = (table.at - eye)[:2]
    heading = np.arctan2(north, east) + rng.normal(0, 0.35)
    return Place(eye, eye + _forward(heading, rng.normal(-20, 10)), NEAR_A_TABLE, things)


def _forward(heading: float, pitch: float) -> Vector:
    """[3] one metre ahead on the floor. heading: rad; pitch: degrees, up is positive."""
    return np.array([np.cos(heading), np.sin(heading), np.tan(np.clip(np.radians(pitch), -1.0, 0.4))])


def lights_of(room: Room) -> tuple[Vector, Vector]:
    """Lamps below the ceiling and windows: places [L,3] and strengths [L,3] at 2 m."""
    rng = room.build.rng
    places, strengths = [], []
    for _ in range(int(rng.integers(1, 4))):
        places.append([*(rng.uniform(-0.4, 0.4, 2) * room.size[:2]), room.size[2] - rng.uniform(0.05, 0.5)])
        strengths.append(rng.uniform(0.2, 0.7) * np.array([1.0, rng.uniform(0.8, 1), rng.uniform(0.6, 1)]))
    if rng.random() < 0.5:  # daylight from a side
        wall = int(rng.integers(4))
        places.append([*room.foot(wall, rng.uniform(-0.4, 0.4) * room.length(wall), 0.15)[:2],
                       rng.uniform(1.0, 1.9)])
        strengths.append(rng.uniform(0.4, 1.6) * np.array([rng.uniform(0.8, 1), 0.95, 1.0]))
    return np.array(places), np.array(strengths)


def _shell(room: Room) -> None:
    """Floor, ceiling and four walls."""
    wide, deep, high = room.size
    for size, at in (((wide, deep, 0.1), (0, 0, -0.05)), ((wide, deep, 0.1), (0, 0, high + 0.05)),
                     ((wide, 0.1, high), (0, deep / 2 + 0.05, high / 2)),
                     ((wide, 0.1, high), (0, -deep / 2 - 0.05, high / 2)),
                     ((0.1, deep, high), (wide / 2 + 0.05, 0, high / 2)),
                     ((0.1, deep, high), (-wide / 2 - 0.05, 0, high / 2))):
        room.build.put(shapes.box(size), at)


def _worktops(room: Room, wall: int) -> None:
    """A kitchen's row along a wall: cupboards and machines under worktops, tiles, cupboards above."""
    build, rng = room.build, room.build.rng
    turn, whole = room.turn(wall), room.length(wall)
    wide = whole * build.uniform(0.55, 1.0)
    middle = build.uniform(-0.5, 0.5) * (whole - wide)
    colour = np.clip(FRONTS[rng.integers(len(FRONTS))] * np.exp(rng.normal(0, 0.2, 3)), 0.01, 0.9)
    top = build.uniform(0.82, 0.95)
    deep = build.uniform(0.55, 0.66)
    if rng.random() < 0.5:
        cupboards(build, room.foot(wall, middle), turn, wide, colour)
        room.take(room.foot(wall, middle, deep / 2), turn, (wide, deep, top), force=True)
    else:
        low = room.choose(r'^(small )?lower cabinet|drawers cabinet', lowest=0.7, highest=1.0)
        x = middle - wide / 2
        while low is not None and x < middle + wide / 2 - 0.3:
            piece = low
            if rng.random() < 0.3:
                piece = room.choose(MACHINES, lowest=0.5, highest=1.3) or low
            place = room.foot(wall, x + piece.size[0] / 2, deep / 2)
            room.put(piece, place, turn, colour if piece is low else None,
                     (1, deep / piece.size[1], top / piece.size[2] if piece.size[2] < 1 else 1))
            x += piece.size[0]
        size = (wide, deep, 0.03)
        place = room.foot(wall, middle, deep / 2)
        build.put(shapes.box(size), place + up(top + 0.015), turn)
        room.take(place, turn, (wide, deep, top), force=True)
    if rng.random() < 0.6:  # tiles, glass or boards between worktop and cupboards
        high = build.uniform(0.3, 0.65)
        build.put(shapes.box((wide, 0.02, high)), room.foot(wall, middle, 0.01) + up(top + 0.03 + high / 2),
                  turn, size=build.uniform(0.3, 1.5))
    if rng.random() < 0.65:
        above = room.choose(r'^(small )?upper cabinet|glass door cabinet', hanging=True)
        x, last = middle - wide / 2, middle + wide / 2 * build.uniform(0, 1)
        hung = build.uniform(1.35, 1.6)
        while above is not None and x < last - above.size[0]:
            if rng.random() < 0.85:
                room.put(above, room.foot(wall, x + above.size[0] / 2, above.size[1] / 2) + up(hung), turn,
                         colour)
            x += above.size[0]
    if rng.random() < 0.3:  # a board on the wall with things on it
        board, at = build.uniform(0.15, 0.3), room.foot(wall, middle) + up(build.uniform(1.3, 1.6))
        build.put(shapes.box((0.8 * wide, board, 0.03)), at + turn @ np.array([0, board / 2, 0]), turn)
        room.lay_on(at + turn @ np.array([0, board / 2, 0.02]), turn, (0.8 * wide, board),
                    int(rng.integers(2, 14)))
    for _ in range(int(rng.choice([0, 1, 2], p=[0.3, 0.4, 0.3]))):
        notices(build, room.foot(wall, middle), turn, wide, (top + 0.1, top + 0.9))
    room.lay_on(room.foot(wall, middle, deep / 2) + up(top + 0.03), turn, (wide, deep),
                int(wide * build.log(1, 8)))


def _table_with_chairs(room: Room) -> None:
    build, rng = room.build, room.build.rng
    for _ in range(TRIES):
        at = np.append(rng.uniform(-0.35, 0.35, 2) * room.size[:2], 0.0)
        turn = room.turn(int(rng.integers(4)))
        if rng.random() < 0.4:
            turn = shapes.turned(rng, upright=True)
        table = room.choose(TABLES, NOT_TABLES, largest=2.6, lowest=0.65, highest=0.95)
        if table is None or rng.random() < 0.35:
            if room.take(at, turn, (1.6, 1.2, 0.75)):
                dining(build, at, turn)
                room.tables.append(Table(at, turn, np.array([1.6, 1.0, 0.75])))
                return
            continue
        if not room.take(at, turn, table.size):
            continue
        room.put(table, at, turn)
        room.tables.append(Table(at, turn, np.array([*table.size[:2], table.top or table.size[2]])))
        seat = room.choose(SEATS, NOT_SEATS, highest=1.15, largest=0.8)
        wide, deep, _ = table.size
        for side in (-1, 1):
            for x in np.arange(-wide / 2 + 0.3, wide / 2 - 0.2, build.uniform(0.5, 0.8)):
                if rng.random() < 0.7:
                    place = at + turn @ np.array([x, side * (deep / 2 + build.uniform(-0.15, 0.45)), 0])
                    if (np.abs(place[:2]) > room.size[:2] / 2 - 0.25).any():
                        continue
                    # their fronts are at +y: towards the table
                    facing = turn @ (np.eye(3) * [-side, -side, 1]) @ _about(rng.normal(0, 0.25))
                    if seat is None:
                        chair(build, place, facing @ (np.eye(3) * [-1, -1, 1]))
                    else:
                        room.put(seat, place, facing)
                    room.take(place, facing, (0.5, 0.5, 0.9), force=True)
        room.lay_on(at + up(table.top or table.size[2]), turn, table.size, int(build.log(1, 14)))
        return


def _about(angle: float) -> Vector:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def _along(room: Room, wall: int, pattern: str, count: int) -> None:
    """Furniture with its back to a wall."""
    rng, turn = room.build.rng, room.turn(wall)
    for _ in range(count):
        piece = room.choose(pattern, largest=room.length(wall))
        if piece is None:
            return
        for _ in range(TRIES // 2):
            along = rng.uniform(-0.5, 0.5) * (room.length(wall) - piece.size[0])
            at = room.foot(wall, along, piece.size[1] / 2 + rng.uniform(0.0, 0.06))
            if room.take(at, turn, (piece.size[0], piece.size[1] - 0.02, piece.size[2])):
                colour = FRONTS[rng.integers(len(FRONTS))] if rng.random() < 0.25 else None
                room.put(piece, at + up(piece.elevation), turn, colour)
                if piece.top is not None and 0.4 < piece.top < 1.5 and rng.random() < 0.6:
                    room.lay_on(at + up(piece.top), turn, piece.size, int(rng.integers(1, 6)))
                break


def _on_wall(room: Room, wall: int) -> None:
    """Pictures, a door, a window, notices, and what hangs there."""
    build, rng, turn, long = room.build, room.build.rng, room.turn(wall), room.length(wall)
    if rng.random() < 0.35:  # a door
        at = room.foot(wall, build.uniform(-0.4, 0.4) * long, 0.02)
        build.put(shapes.box((build.uniform(0.75, 1.0), 0.05, 2.05)), at + up(1.02), turn)
    if rng.random() < 0.35:  # a window: bright, or dark at night
        wide, high = build.uniform(0.6, 2.0), build.uniform(0.6, 1.4)
        at = room.foot(wall, build.uniform(-0.3, 0.3) * long, 0.01) + up(build.uniform(1.4, 1.7))
        bright = np.full(3, rng.choice([0.02, 2.0, 3.0])) * np.exp(rng.normal(0, 0.1, 3))
        build.put(shapes.box((wide, 0.02, high)), at, turn, size=1.0, colours=(0.7 * bright, bright))
        bars = np.linspace(-wide / 2, wide / 2, int(rng.integers(2, 5)))
        build.put(shapes.joined([shapes.box((0.06, 0.06, high)).moved(np.eye(3), np.array([x, 0.02, 0]))
                                 for x in bars]), at, turn)
    for _ in range(int(rng.integers(0, 4))):  # pictures, boards
        sides = (build.log(0.2, 1.3), build.uniform(0.01, 0.05), build.log(0.2, 1.0))
        at = room.foot(wall, build.uniform(-0.45, 0.45) * long, sides[1] / 2) + up(build.uniform(1.2, 1.9))
        build.put(shapes.box(sides), at, turn)
    if rng.random() < 0.4:
        piece = room.choose(ON_WALLS, hanging=True, largest=min(2.2, long))
        if piece is not None:
            at = room.foot(wall, build.uniform(-0.4, 0.4) * (long - piece.size[0]), piece.size[1] / 2)
            room.put(piece, at + up(piece.elevation), turn)
    if rng.random() < 0.3:
        notices(build, room.foot(wall, 0), turn, long, (0.9, 2.1))


def _somewhere(room: Room, piece: Piece) -> None:
    rng = room.build.rng
    for _ in range(TRIES):
        at = np.append(rng.uniform(-0.5, 0.5, 2) * room.size[:2], 0.0)
        turn = shapes.turned(rng, upright=True)
        if room.take(at, turn, piece.size):
            room.put(piece, at + up(piece.elevation), turn)
            if piece.top is not None and 0.55 < piece.top < 1.1 and max(piece.size[:2]) > 0.7:
                room.tables.append(Table(at, turn, np.array([*piece.size[:2], piece.top])))
            if piece.top is not None and 0.3 < piece.top < 1.2 and rng.random() < 0.5:
                room.lay_on(at + up(piece.top), turn, piece.size, int(rng.integers(1, 5)))
            return

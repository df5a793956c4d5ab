"""A small library of furniture in the form of Sweet Home 3D: boxes with a coloured front."""

import zipfile
from pathlib import Path

# name, category, width, depth, height [cm], more rows of the table
PIECES = (
    ('Lower cabinet', 'Kitchen', 60, 60, 88, {}),
    ('Oven', 'Kitchen', 60, 55, 60, {}),
    ('Upper cabinet', 'Kitchen', 60, 35, 70, {'elevation': '140'}),
    ('Coffee cup', 'Kitchen', 10, 8, 9, {}),
    ('Table', 'Living room', 140, 80, 75, {'dropOnTopElevation': '75'}),
    ('Chair', 'Living room', 45, 50, 90, {'dropOnTopElevation': '45'}),
    ('Sofa', 'Living room', 180, 85, 80, {}),
    ('Bookcase', 'Office', 90, 35, 180, {}),
    ('Desk', 'Office', 140, 70, 74, {}),
    ('Bed', 'Bedroom', 140, 200, 60, {}),
    ('Washbasin', 'Bathroom', 60, 45, 86, {}),
    ('Plant', 'Living room', 40, 40, 100, {'dropOnTopElevation': '-1'}),
    ('Wall clock', 'Living room', 30, 5, 30, {'elevation': '170'}),
    ('Exterior door', 'Doors and windows', 90, 10, 205, {'doorOrWindow': 'true'}))

MATERIALS = """newmtl body
Kd 0.5 0.5 0.5
newmtl front
Kd 1.0 0.0 0.0
"""


def model() -> str:
    """Two boxes in units of their own, y up: a body of depth 9, and a front of depth 1 before it (z)."""
    lines, count = ['mtllib model.mtl'], 0
    for name, low, high in (('body', (2, 0, 0), (6, 3, 9)), ('front', (2, 0, 9), (6, 3, 10))):
        lines.append(f'usemtl {name}')
        corners = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
        lines += ['v {} {} {}'.format(*corner) for corner in corners]
        for side in ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)):
            lines.append('f ' + ' '.join(str(count + 1 + corner) for corner in side))
        count += 8
    return '\n'.join(lines) + '\n'


def write_library(folder: Path) -> Path:
    """`folder`, with one library in it."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ['# a comment', 'license=Public domain']
    with zipfile.ZipFile(folder / 'Boxes.sh3f', 'w') as archive:
        for number, (name, category, wide, deep, high, more) in enumerate(PIECES, 1):
            place = f'boxes/{number}/model'
            values = {'name': name, 'category': category, 'model': f'/{place}.obj', 'width': wide,
                      'depth': deep, 'height': high, **more}
            rows += [f'{key}#{number}={value}' for key, value in values.items()]
            archive.writestr(f'{place}.obj', model())
            archive.writestr(f'{place}.mtl', MATERIALS)
        archive.writestr('PluginFurnitureCatalog.properties', '\n'.join(rows) + '\n')
    return folder

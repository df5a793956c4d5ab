"""
Parameter files and the README's tables, written from the dataclasses: `python -m depth_nodes.reference`.

The dataclass of a node is the only place where a parameter is described; a test compares.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from depth_nodes.coarse_to_fine_node import CoarseToFineParams
from depth_nodes.mono_node import MonoParams
from depth_nodes.stereo_node import StereoParams

PARAMETERS = {'stereo_node': StereoParams, 'mono_node': MonoParams,
              'coarse_to_fine_node': CoarseToFineParams}
FILES = {'stereo_node': 'stereo.yaml', 'mono_node': 'mono.yaml',
         'coarse_to_fine_node': 'coarse_to_fine.yaml'}
ROOT = Path(__file__).parents[1]


def allowed(f: Field) -> str:
    """'0.01 to 10000.0', 'raw, compressed', 'true, false' or ''."""
    if f.metadata['choices']:
        return ', '.join(f.metadata['choices'])
    if f.metadata['low'] is not None:
        kind: Any = type(f.default)
        return f'{kind(f.metadata["low"])} to {kind(f.metadata["high"])}'
    return 'true, false' if isinstance(f.default, bool) else ''


def yaml(node_name: str) -> str:
    """The parameter file of a node: every parameter with meaning, unit, range and default."""
    lines = [f'# Parameters of {node_name}: the defaults, every one of them.',
             '# A "*" means that it can be changed while the node runs: ros2 param set ...',
             '# Written by `python -m depth_nodes.reference`; copy it to make your own.',
             '/**:', f'  {node_name}:', '    ros__parameters:']
    for f in fields(PARAMETERS[node_name]):
        live = ' *' if f.metadata['live'] else ''
        words = f'{f.metadata["description"]}{live}'
        lines += textwrap.wrap(words, 100, initial_indent='      # ', subsequent_indent='      # ')
        if allowed(f):
            lines.append(f'      # Allowed: {allowed(f)}.')
        lines.append(f'      {f.name}: {_plain(f.default)}')
    return '\n'.join(lines) + '\n'


def table(node_name: str) -> str:
    """The same as a Markdown table."""
    rows = ['| parameter | default | allowed | live | meaning |', '| --- | --- | --- | --- | --- |']
    rows += [f'| `{f.name}` | {_plain(f.default)} | {allowed(f)} | '
             f'{"yes" if f.metadata["live"] else ""} | {f.metadata["description"]} |'
             for f in fields(PARAMETERS[node_name])]
    return '\n'.join(rows)


def with_table(markdown: str, node_name: str) -> str:
    """The text with the table between its two marks made anew."""
    begin, end = f'<!-- parameters of {node_name} -->', '<!-- end -->'
    return re.sub(f'{begin}.*?{end}', lambda _: f'{begin}\n{table(node_name)}\n{end}', markdown,
                  count=1, flags=re.DOTALL)


def written() -> Iterator[tuple[Path, str]]:
    """Every file that follows from the dataclasses, with the text it should have."""
    for node_name, file in FILES.items():
        yield ROOT / 'config' / file, yaml(node_name)
    readme = ROOT / 'README.md'
    text = readme.read_text()
    for node_name in PARAMETERS:
        text = with_table(text, node_name)
    yield readme, text


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return repr(value).replace("'", '"') if isinstance(value, str) else str(value)


if __name__ == '__main__':
    for path, text in written():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        print(f'wrote {path}')

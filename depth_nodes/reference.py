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
from depth_nodes.evaluation_node import EvaluationParams
from depth_nodes.mono_node import MonoParams
from depth_nodes.sparse_depth_node import SparseDepthParams
from depth_nodes.stereo_node import StereoParams
from depth_nodes.super_resolution_node import SuperResolutionParams

PARAMETERS = {'stereo_node': StereoParams, 'mono_node': MonoParams,
              'coarse_to_fine_node': CoarseToFineParams, 'sparse_depth_node': SparseDepthParams,
              'super_resolution_node': SuperResolutionParams, 'evaluation_node': EvaluationParams}
FILES = {'stereo_node': 'stereo.yaml', 'mono_node': 'mono.yaml',
         'coarse_to_fine_node': 'coarse_to_fine.yaml', 'sparse_depth_node': 'sparse_depth.yaml',
         'super_resolution_node': 'super_resolution.yaml', 'evaluation_node': 'evaluation.yaml'}
# what several nodes share has a table of its own; wider groups first
GROUPS = {'every node': tuple(PARAMETERS),
          'every depth node': tuple(name for name in PARAMETERS if name != 'evaluation_node'),
          'nodes with one camera': ('mono_node', 'coarse_to_fine_node')}
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


def shared(*node_names: str) -> list[Field]:
    """The parameters that mean the same in each of these nodes, default and range included."""
    first, *others = ({f.name: f for f in fields(PARAMETERS[name])} for name in node_names)
    return [f for name, f in first.items() if all(
        name in other and (other[name].default, other[name].metadata) == (f.default, f.metadata)
        for other in others)]


def tables() -> dict[str, list[Field]]:
    """The README's tables by name: what the nodes of each group have, then each node's own."""
    found: dict[str, list[Field]] = {}
    for group, node_names in GROUPS.items():
        wider = [f for name in found if {*node_names} <= {*GROUPS[name]} for f in found[name]]
        found[group] = _without(wider, shared(*node_names))
    for node_name, of in PARAMETERS.items():
        known = [f for name in groups_of(node_name) for f in found[name]]
        found[node_name] = _without(known, list(fields(of)))
    return found


def groups_of(node_name: str) -> list[str]:
    """The names of the groups that a node belongs to."""
    return [group for group, node_names in GROUPS.items() if node_name in node_names]


def _without(known: list[Field], of: list[Field]) -> list[Field]:
    names = {f.name for f in known}
    return [f for f in of if f.name not in names]


def table(of: list[Field]) -> str:
    """Parameters as a Markdown table."""
    rows = ['| parameter | default | allowed | live | meaning |', '| --- | --- | --- | --- | --- |']
    rows += [f'| `{f.name}` | {_plain(f.default)} | {allowed(f)} | '
             f'{"yes" if f.metadata["live"] else ""} | {f.metadata["description"]} |' for f in of]
    return '\n'.join(rows)


def with_table(markdown: str, name: str, of: list[Field]) -> str:
    """The text with the table between its two marks made anew."""
    begin, end = f'<!-- parameters of {name} -->', '<!-- end -->'
    if begin not in markdown:
        raise ValueError(f'there is no mark {begin}')
    return re.sub(f'{begin}.*?{end}', lambda _: f'{begin}\n{table(of)}\n{end}', markdown,
                  count=1, flags=re.DOTALL)


def written() -> Iterator[tuple[Path, str]]:
    """Every file that follows from the dataclasses, with the text it should have."""
    for node_name, file in FILES.items():
        yield ROOT / 'config' / file, yaml(node_name)
    readme = ROOT / 'README.md'
    text = readme.read_text()
    for name, of in tables().items():
        text = with_table(text, name, of)
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

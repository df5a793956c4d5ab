"""One dataclass describes a parameter; the shipped files say the same."""

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

pytest.importorskip('rclpy')
from depth_nodes import reference

ROOT = Path(__file__).parents[1]


def test_yaml_and_readme_are_what_the_dataclasses_say():
    for path, text in reference.written():
        assert path.read_text() == text, f'{path.name}: run python -m depth_nodes.reference'


@pytest.mark.parametrize('node_name', reference.PARAMETERS)
def test_the_parameter_file_holds_every_default(node_name):
    path = ROOT / 'config' / reference.FILES[node_name]
    given = yaml.safe_load(path.read_text())['/**'][node_name]['ros__parameters']
    defaults = {f.name: list(f.default) if isinstance(f.default, tuple) else f.default
                for f in fields(reference.PARAMETERS[node_name])}
    assert given == defaults
    # ROS refuses an integer where a float is declared
    assert {name: type(value) for name, value in given.items()} == {
        name: type(value) for name, value in defaults.items()}


@pytest.mark.parametrize('node_name', reference.PARAMETERS)
def test_the_readme_explains_every_parameter_of_a_node_once(node_name):
    names = [*reference.groups_of(node_name), node_name]
    readme = (ROOT / 'README.md').read_text()
    tables = [readme.split(f'<!-- parameters of {name} -->')[1].split('<!-- end -->')[0] for name in names]
    for f in fields(reference.PARAMETERS[node_name]):
        assert ''.join(tables).count(f'| `{f.name}` |') == 1

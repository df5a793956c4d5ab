"""What imports what: the border between the library and ROS, and the order of the layers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROS = {'rclpy', 'cv_bridge', 'message_filters', 'ament_index_python', 'launch', 'launch_ros',
       'sensor_msgs', 'stereo_msgs', 'std_msgs', 'geometry_msgs', 'diagnostic_msgs',
       'lifecycle_msgs', 'rcl_interfaces', 'rosgraph_msgs', 'builtin_interfaces', 'tf2_ros'}


def imports(path: Path) -> set[str]:
    """The full names of the modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f'{path}: relative import'
            found |= {node.module, *(f'{node.module}.{alias.name}' for alias in node.names)}
    return found


def files(folder: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob('*.py'))


def test_the_reader_of_imports_sees_them(tmp_path):
    (tmp_path / 'a.py').write_text('import rclpy.node\ndef f():\n    from sensor_msgs.msg import Image\n')
    assert imports(tmp_path / 'a.py') == {'rclpy.node', 'sensor_msgs.msg', 'sensor_msgs.msg.Image'}
    assert 'depth_models/networks/anynet.py' in files('depth_models')


@pytest.mark.parametrize('path', files('depth_models'))
def test_the_library_knows_nothing_of_ros_nor_of_the_nodes(path):
    names = {name.split('.')[0] for name in imports(ROOT / path)}
    allowed = {'depth_nodes'} if path == COMMAND_LINE else set()
    assert not names & ((ROS | {'depth_nodes'}) - allowed)


COMMAND_LINE = 'depth_models/cli.py'  # one program, `depth-nodes`, for both packages


def test_what_the_command_line_imports_of_the_nodes_needs_no_ros():
    done = subprocess.run(
        [sys.executable, '-c', 'import sys; sys.modules["rclpy"] = sys.modules["sensor_msgs"] = None\n'
         'from depth_models import cli; cli.main(["replay", "--help"])'],
        capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert '--every-frame' in done.stdout


OFFLINE = ('depth_models/training', 'depth_models/evaluation', 'depth_models/data', 'depth_models/cli')


@pytest.mark.parametrize('path', [p for p in files('depth_models') if not p.startswith(OFFLINE)])
def test_what_a_robot_runs_needs_no_training_and_no_evaluation(path):
    used = tuple(name.replace('.', '/') for name in imports(ROOT / path))
    assert not [name for name in used if name.startswith(OFFLINE)]


@pytest.mark.parametrize('path', files('depth_models/networks'))
def test_networks_use_torch_and_each_other_only(path):
    used = {name for name in imports(ROOT / path) if name.startswith('depth_models')}
    assert all(name.startswith('depth_models.networks') for name in used)


# what a machine without a ROS 2 install lacks, and where alone it is imported
DOORS = {'cv_bridge': 'depth_nodes/standins/', 'message_filters': 'depth_nodes/standins/',
         'tf2_ros': 'depth_nodes/transforms.py', 'launch': 'depth_nodes/launching.py',
         'launch_ros': 'depth_nodes/launching.py', 'distributed': 'depth_nodes/replay/cluster.py'}


@pytest.mark.parametrize('path', files('depth_nodes'))
def test_what_not_every_machine_has_is_used_through_one_door(path):
    names = {name.split('.')[0] for name in imports(ROOT / path)}
    assert not [name for name in names & DOORS.keys() if not path.startswith(DOORS[name])]


@pytest.mark.parametrize('path', [p for p in files('depth_nodes') if 'launching' not in p])
def test_a_node_runs_without_what_only_launch_files_need(path):
    assert 'depth_nodes.launching' not in imports(ROOT / path)

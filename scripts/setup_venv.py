"""
Make `.venv` with everything that depth_nodes needs; `make setup` calls this.

Two ways, chosen by what is there. Where a ROS 2 install is sourced, the environment sees it and adds
only what it lacks. Elsewhere ROS 2 comes from wheels (Linux x86_64). Standard library only, and
written so that an old Python can still read it and say what is wrong with itself.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / 'constraints.txt'
OLDEST, NEWEST = (3, 10), (3, 13)
TORCH_CPU_INDEX = 'https://download.pytorch.org/whl/cpu'

# What the interpreter that asks knows about the packages of a ROS 2 install.
ASK_ROS = '''
import sys
import rclpy
try:
    import numpy
    print('numpy', numpy.__version__)
except ImportError:
    pass
try:
    import cv2
    print('cv2', cv2.__version__)
except ImportError:
    pass
'''


def main() -> int:
    venv = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / '.venv').absolute()
    try:
        set_up(venv)
    except SetupError as error:
        print('make setup: {}'.format(error), file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print('make setup: this command failed, its reason stands above: {}'.format(
            ' '.join(map(str, error.cmd))), file=sys.stderr)
        return 1
    return 0


class SetupError(Exception):
    """What is missing, and what to do about it."""


def set_up(venv: Path) -> None:
    check_interpreter()
    system = sourced_ros()
    check_platform(system is not None)
    python = make_venv(venv, system is not None)
    constraints = CONSTRAINTS
    if system is not None:
        constraints = venv / 'constraints-with-ros.txt'
        constraints.write_text(fit_to_system(CONSTRAINTS.read_text(), system))

    def pip_install(*what: str) -> None:
        subprocess.run([str(python), '-m', 'pip', 'install', '--quiet', '-c', str(constraints), *what],
                       check=True, cwd=str(ROOT))

    pip_install('pip', 'setuptools', 'wheel')
    pip_install('torch', *torch_source())
    pip_install('--no-deps', '--no-build-isolation', '--editable', str(ROOT))
    extras = {'engines', 'demo', 'fleet', 'train', 'test', 'dev'} | ({'ros'} if system is None else set())
    wanted = requirements(python, extras)
    if system is not None and 'cv2' in system:
        wanted = [name for name in wanted if not name.startswith('opencv')]
    pip_install(*wanted)
    print('Ready: {}'.format(python))


def check_interpreter() -> None:
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise SetupError(
            'Python {}.{} does not fit the pinned packages; take one from {}.{} to {}.{}, for example '
            'make setup PYTHON=python3.11'.format(*sys.version_info[:2], *OLDEST, *NEWEST))
    if not all(importlib.util.find_spec(name) for name in ('venv', 'ensurepip')):
        raise SetupError(
            'this Python cannot make virtual environments; on Debian and Ubuntu '
            'sudo apt install python{}.{}-venv'.format(*sys.version_info[:2]))


def sourced_ros() -> 'dict[str, str] | None':
    """The versions of the packages in the sourced ROS 2 install, or None where none is sourced."""
    distro = os.environ.get('ROS_DISTRO')
    if not distro or not os.environ.get('AMENT_PREFIX_PATH'):
        return None
    base = getattr(sys, '_base_executable', sys.executable)  # not the environment that we replace
    asked = subprocess.run([base, '-c', ASK_ROS], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           universal_newlines=True)
    if asked.returncode != 0:
        raise SetupError(
            'ROS 2 {} is sourced, but {} cannot import its rclpy; use the Python that ROS was built '
            'for (often make setup PYTHON=/usr/bin/python3), or a shell without ROS'.format(distro, base))
    print('ROS 2: the sourced {}'.format(distro))
    return dict(line.split() for line in asked.stdout.splitlines())


def check_platform(ros_is_sourced: bool) -> None:
    machine, system = os.uname().machine, os.uname().sysname
    if ros_is_sourced:
        return
    if (system, machine) != ('Linux', 'x86_64'):
        raise SetupError(
            'ROS 2 comes as wheels for Linux x86_64 only and this is {} {}; install ROS 2 '
            '(https://docs.ros.org), source its setup.bash and run make setup again'.format(
                system, machine))
    print('ROS 2: wheels of Kilted')


def make_venv(venv: Path, ros_is_sourced: bool) -> Path:
    """The environment's interpreter; one made for another Python or another ROS is replaced."""
    kind = 'python {}.{} {}'.format(
        *sys.version_info[:2], os.environ['ROS_DISTRO'] if ros_is_sourced else 'wheels')
    label, python = venv / 'depth_nodes_kind.txt', venv / 'bin' / 'python'
    if python.exists() and label.exists() and label.read_text() == kind:
        return python
    if Path(sys.prefix) == venv:
        raise SetupError('{} is active and must be replaced; run deactivate first'.format(venv))
    if venv.exists() and not (venv / 'pyvenv.cfg').exists() and any(venv.iterdir()):
        raise SetupError('{} exists and is no virtual environment; move it away'.format(venv))
    seen = ['--system-site-packages'] if ros_is_sourced else []
    subprocess.run([sys.executable, '-m', 'venv', '--clear', *seen, str(venv)], check=True)
    label.write_text(kind)
    return python


def fit_to_system(constraints: str, system: 'dict[str, str]') -> str:
    """
    The constraints with NumPy as the ROS 2 install has it, which its compiled packages need.

    OpenCV for NumPy 1 is an older one; where the install has its own, none is added.
    """
    numpy = system.get('numpy')
    if numpy is None:
        return constraints
    constraints = re.sub(r'(?m)^numpy==.*$', 'numpy=={}'.format(numpy), constraints)
    if numpy.startswith('1.'):
        constraints = re.sub(r'(?m)^opencv-python-headless==.*$',
                             'opencv-python-headless==4.11.0.86', constraints)
    return constraints


def torch_source() -> 'list[str]':
    """Options for pip: without a GPU the build that leaves out gigabytes of CUDA, where it is at hand."""
    if os.uname().machine != 'x86_64' or shutil.which('nvidia-smi'):
        print('torch: from the default package index')
        return []
    try:
        urllib.request.urlopen(TORCH_CPU_INDEX + '/torch/', timeout=4).close()
    except OSError:
        print('torch: from the default package index ({} does not answer)'.format(TORCH_CPU_INDEX))
        return []
    print('torch: CPU build from {}'.format(TORCH_CPU_INDEX))
    return ['--extra-index-url', TORCH_CPU_INDEX]


def requirements(python: Path, extras: 'set[str]') -> 'list[str]':
    """What setup.py asks for, itself and with these extras."""
    listed = subprocess.run(
        [str(python), '-c', 'import importlib.metadata as m; print(*m.requires("depth_nodes"), sep="\\n")'],
        check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
    wanted = []
    for line in listed.splitlines():
        name, _, marker = line.partition(';')
        extra = re.search(r'extra == ["\'](\w+)["\']', marker)
        if extra is None or extra.group(1) in extras:
            wanted.append(name.strip())
    return wanted


if __name__ == '__main__':
    sys.exit(main())

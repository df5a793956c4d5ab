"""
What processes set before they start DDS, for launch files, demo and tests. No ROS in here.

First of all the Fast DDS settings with which large images arrive. Fast DDS reads them when a process
makes its first participant, so the environment must say so before rclpy.init(). They matter where a
message is sent: a camera driver needs them as much as our nodes.
"""

import os
import random
import shutil
import socket
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, MutableMapping
from pathlib import Path

OPT_OUT = 'DEPTH_NODES_DDS_PROFILE'  # off: leave Fast DDS as it is
PROFILES_FILE = 'FASTDDS_DEFAULT_PROFILES_FILE'
PROFILES_FILE_OF_FASTDDS_2 = 'FASTRTPS_DEFAULT_PROFILES_FILE'
DISTROS_WITH_FASTDDS_2 = ('humble', 'iron', 'jazzy')
USERS_OWN = (PROFILES_FILE, PROFILES_FILE_OF_FASTDDS_2, 'FASTDDS_BUILTIN_TRANSPORTS')


def profile_path() -> Path:
    """The shipped profile: beside the sources, or in the share folder of a colcon or pip install."""
    here = Path(__file__).resolve()
    places = [here.parents[1] / 'config',
              *(parent / 'share' / 'depth_nodes' / 'config' for parent in here.parents)]
    for place in places:
        if (place / 'fastdds.xml').is_file():
            return place / 'fastdds.xml'
    raise FileNotFoundError(f'config/fastdds.xml of depth_nodes is neither in {places[0]} nor in a '
                            f'share folder above {here.parent}; install the package again')


def dds_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables to add to `environ`; none where the user has settings of their own or opted out."""
    if environ.get(OPT_OUT, '').lower() == 'off' or any(environ.get(name) for name in USERS_OWN):
        return {}
    added = {PROFILES_FILE: str(profile_path())}
    if environ.get('ROS_DISTRO') in DISTROS_WITH_FASTDDS_2:  # later ones warn about the old name
        added[PROFILES_FILE_OF_FASTDDS_2] = added[PROFILES_FILE]
    return added


def use_dds_profile(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let processes with this environment, this one by default, use the profile. Before rclpy.init()."""
    environ.update(dds_environment(environ))


def keep_apart(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let processes with this environment find each other and nobody else."""
    stay_on_this_machine(environ)
    environ['ROS_DOMAIN_ID'] = str(free_domain())


def free_domain() -> int:
    """A ROS domain that nobody on this machine is in, of those whose ports are free everywhere."""
    for domain in random.sample(range(1, 102), 101):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(('', 7400 + 250 * domain))  # where DDS listens for newcomers
            except OSError:
                continue
        return domain
    raise RuntimeError('every ROS domain from 1 to 101 is in use on this machine')


def stay_on_this_machine(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let processes with this environment find no others than those on this machine."""
    if environ.get('ROS_DISTRO') == 'humble':
        environ['ROS_LOCALHOST_ONLY'] = '1'
    else:
        environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'


def shared_memory_problem(folder: str = '/dev/shm') -> str | None:
    """Why the profile's shared memory cannot work here, with what to do; None where it can.

    Fast DDS itself only logs that it failed to create a segment, and loses images again.
    """
    segment = ElementTree.parse(profile_path()).find('.//{*}segment_size')
    needed = 2 * int(segment.text or 0) if segment is not None else 0  # a sender and a receiver
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return None  # no such folder: Fast DDS chooses its own place
    if free >= needed:
        return None
    return (f'{folder} has {free / 2**20:.0f} MB free, and two processes need {needed / 2**20:.0f} MB: '
            'large best-effort images will be lost. In Docker start the container with --ipc=host or '
            '--shm-size=1g')

"""`depth-nodes replay`: a bag in, a report out. Imports ROS only when it runs."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from depth_nodes.replay.request import AUTO, TRUTH_KINDS, Request

NODES = ('stereo', 'mono', 'coarse_to_fine', 'sparse_depth', 'super_resolution')
INSTALL = "pip install 'depth_nodes[ros,demo]'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('bag', type=Path, nargs='+',
                        help='rosbag2 folder, .mcap, .db3, or .bag of ROS 1; of several, each gets a report')
    parser.add_argument('--node', required=True, choices=NODES, help='what answers')
    parser.add_argument('--config', type=Path, metavar='FILE',
                        help="the node's parameters, as config/NODE.yaml")
    parser.add_argument('--param', action='append', default=[], metavar='NAME=VALUE',
                        help='one parameter of the node; counts more than the file')
    parser.add_argument('--report', type=Path, default=Path('report'), metavar='DIR',
                        help='folder of report.html and report.json (default: %(default)s)')
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument('--every-frame', action='store_true',
                      help='wait for each answer: accuracy that repeats bit for bit (default)')
    mode.add_argument('--realtime', action='store_true',
                      help='as the robot lives it: over DDS, at the recorded pace, with drops and latency')
    parser.add_argument('--rate', type=float, default=1.0, help='of the recorded pace, with --realtime')
    parser.add_argument('--loop', type=int, default=1, metavar='N', help='play N times, with --realtime')
    parser.add_argument('--record', type=Path, metavar='BAG',
                        help='write what the node publishes to a new bag')
    parser.add_argument('--topic', action='append', default=[], metavar='ROLE=TOPIC',
                        help='topic of the bag for one of the node, as left/image_rect=/cam0/image; '
                             'left/image_raw=... has it rectified')
    parser.add_argument('--camera-info', action='append', default=[], metavar='ROLE=FILE.yaml',
                        help='calibration of camera_calibration, as left/camera_info=left.yaml')
    parser.add_argument('--truth', default='auto', metavar='WHAT',
                        help='topic:/NAME, folder:DIR of PNG, PFM or NPY by stamp, none, or auto: a topic '
                             'that looks like it (default)')
    parser.add_argument('--truth-kind', default=AUTO, choices=TRUTH_KINDS,
                        help='what the files of a folder hold: depth (PNG in mm), kitti_depth (PNG in 1/256 '
                             'm), disparity (PNG in 1/256 px); PFM and NPY in m or px. auto goes by the '
                             "folder's name")
    parser.add_argument('--truth-to-camera', type=float, nargs=16, metavar='M',
                        help='where points of the truth are from the camera, a 4x4 in row order [m], if the '
                             'bag has no /tf_static')
    parser.add_argument('--slop', type=float, metavar='S',
                        help='largest difference of stamps in a set [s]; found, if not given')
    parser.add_argument('--frames', type=int, default=0, metavar='N', help='only the first N sets')
    parser.add_argument('--left-right', action='store_true',
                        help='stereo, every frame: match each pair from the right too, at twice the '
                             'time, and compare')
    many = parser.add_mutually_exclusive_group()
    many.add_argument('--jobs', type=int, default=1, metavar='N',
                      help='so many bags at once, each in a process of this machine')
    many.add_argument('--scheduler', metavar='ADDRESS',
                      help='replay the bags on the workers of a Dask scheduler, as host:8786')
    parser.add_argument('--again', action='store_true',
                        help='of several bags, also those whose report is there and of the same')


def run(options: argparse.Namespace) -> None:
    """Replay every bag and write its report."""
    request = Request.of(options)
    if request.record is not None and len(options.bag) > 1:
        raise ValueError('--record takes what the node makes of one bag, got several')
    if options.jobs < 1:
        raise ValueError(f'--jobs must be 1 or more, got {options.jobs}')
    set_up_environment()
    command = shlex.join(['depth-nodes', *sys.argv[1:]])
    if len(options.bag) > 1 or options.scheduler:
        from depth_nodes.replay.fleet import conclude, replay_all

        if options.scheduler is None:
            replayer()  # without ROS all bags would fail alike
        conclude(replay_all(options.bag, request, options.report, command=command, jobs=options.jobs,
                            scheduler=options.scheduler, again=options.again), options.report)
        return
    replay_bag = replayer()
    from depth_nodes.replay.report import write_report

    result = replay_bag(options.bag[0], request, command)
    print(table(result))
    print(f'wrote {write_report(result, options.report)}')


def replayer() -> Callable[..., dict[str, Any]]:
    """`one_bag.replay_bag`; an ImportError that says what to install where it cannot be had."""
    try:
        from depth_nodes.replay.one_bag import replay_bag
    except ImportError as error:
        raise ImportError(f'replay needs ROS 2 and rosbags ({error}): source a ROS 2 install, or {INSTALL}'
                          ) from error
    return replay_bag


def table(result: Mapping[str, Any]) -> str:
    """The summary of a result, for a terminal."""
    from depth_nodes.replay.page import label, number

    summary, units = result['summary'], result['units']
    latency = summary['latency_ms']
    rows = [('frames', f'{summary["answered"]} of {summary["frames"]} answered')]
    if latency['p50'] is not None:
        rows.append(('latency', f'{latency["p50"]:.1f} ms in the median, {latency["p99"]:.1f} ms p99'))
    for name, value in {**summary['figures'], **summary['self_checks']}.items():
        rows.append((name, f'{number(value)} {label(name, units[name]).unit}'))
    width = max(len(name) for name, _ in rows)
    return '\n'.join(f'  {name:<{width}}  {text}' for name, text in rows)


def set_up_environment() -> None:
    """Room for images in shared memory, and a graph of our own unless the user has named one."""
    from depth_nodes.dds_profile import keep_apart, use_dds_profile

    if 'ROS_DOMAIN_ID' not in os.environ:
        keep_apart()
    use_dds_profile()

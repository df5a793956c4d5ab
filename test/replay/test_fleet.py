"""Many bags: each has a row whatever happens, workers may die, and what was done is not done again."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')
pytest.importorskip('distributed', reason="needs Dask: pip install 'depth_nodes[fleet]'")
import recordings
from distributed import Client

from depth_nodes.replay import fleet

ROOT = Path(__file__).parents[2]
SMALL = {**recordings.OPTIONS, 'weights': 'anynet', 'max_disparity': 96, 'stage': 1}
ASKED = ('--node', 'stereo', *(word for name, value in SMALL.items()
                               for word in ('--param', f'{name}={value}')))
FRAMES, BAGS = 30, 5
HERE = {**os.environ, 'PYTHONPATH': str(ROOT)}
DASK = (sys.executable, '-W', 'ignore', '-m', 'dask')  # its command line; `dask` may not be on the path
pytestmark = pytest.mark.timeout(300)  # workers import torch


def command(*words: object) -> list[str]:
    return [sys.executable, '-m', 'depth_models.cli', 'replay', *map(str, words)]


def depth_nodes(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=200, cwd=ROOT)


def rows_of(report: Path) -> dict[str, dict]:
    return {Path(row['bag']).name: row for row in json.loads((report / 'fleet.json').read_text())['rows']}


@pytest.fixture(scope='module')
def bags(tmp_path_factory) -> list[Path]:
    """The same recording under several names, and a file that is no bag."""
    folder = tmp_path_factory.mktemp('bags')
    first = recordings.stereo(folder, FRAMES)
    paths = [folder / f'run_{index}' for index in range(BAGS)]
    for path in paths:
        shutil.copytree(first, path)
    (folder / 'broken.mcap').write_bytes(b'this is no bag')
    return [*paths, folder / 'broken.mcap']


@pytest.fixture
def cluster(tmp_path):
    """The address of a scheduler with two workers, as a user starts them, and the workers by name."""
    started = []

    def start(*words: str) -> subprocess.Popen:
        with (tmp_path / f'dask_{len(started)}.log').open('w') as log:
            started.append(subprocess.Popen([*DASK, *words], env=HERE, cwd=tmp_path, stdout=log, stderr=log))
        return started[-1]

    try:
        start('scheduler', '--host', '127.0.0.1', '--port', '0', '--no-dashboard',
              '--scheduler-file', str(tmp_path / 'scheduler.json'))
        address = until(lambda: json.loads((tmp_path / 'scheduler.json').read_text())['address'])
        workers = {name: start('worker', address, '--name', name, '--nthreads', '2', '--no-nanny',
                               '--no-dashboard') for name in ('one', 'other')}
        yield address, workers, started[0]
    finally:
        for process in started:
            process.kill()
            process.wait()


def until(condition, seconds=120.0):
    """What the condition gives, as soon as it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = condition()
        except (OSError, ValueError):  # not there yet, or not all of it
            found = None
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f'this did not happen within {seconds} s')


def test_a_worker_that_is_killed_at_work_loses_no_bag(cluster, bags, tmp_path):
    address, workers, _ = cluster
    report = tmp_path / 'reports'
    running = subprocess.Popen(command(*bags, *ASKED, '--scheduler', address, '--report', report),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        with Client(address) as client:
            client.wait_for_workers(2, timeout=60)
            names = client.run(lambda dask_worker: dask_worker.name)

            def at_work() -> tuple[str, str] | None:
                """A worker that has finished a bag, and the next bag, which it has begun."""
                pids = {row['host'].rpartition(':')[2] for row in rows_of(report).values()}
                for where, keys in client.processing().items():
                    if str(workers[names[where]].pid) in pids and keys:
                        return names[where], keys[0]
                return None

            victim, lost = until(at_work)
            workers[victim].send_signal(signal.SIGKILL)
            assert workers[victim].wait(timeout=10) == -signal.SIGKILL
            left = until(lambda: client.nthreads() if len(client.nthreads()) == 1 else None)
            assert victim not in {names[where] for where in left} and lost.startswith('bag-')
        out, err = running.communicate(timeout=200)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 1 and '1 of 6 bags have no report' in err, out + err
    rows = rows_of(report)
    assert set(rows) == {bag.name for bag in bags}
    assert [rows[bag.name]['state'] for bag in bags] == ['done'] * BAGS + ['failed']
    other = workers['one' if victim == 'other' else 'other'].pid
    pids = [int(row['host'].rpartition(':')[2]) for row in rows.values()]
    assert set(pids) == {workers[victim].pid, other} and pids.count(other) >= 2
    for bag in bags[:-1]:
        result = json.loads((report / bag.name / 'report.json').read_text())
        assert result['summary']['answered'] == FRAMES and rows[bag.name]['answered'] == FRAMES
        assert result['about']['estimator'] and fleet.fleet_table.sentence(rows[bag.name]) in out
    # the same recording, the same figures, whoever made them
    assert len({row['figures']['epe'] for name, row in rows.items() if name != 'broken.mcap'}) == 1


def test_a_scheduler_that_dies_makes_rows_and_a_second_run_goes_on(cluster, bags, tmp_path):
    address, _, scheduler = cluster
    report = tmp_path / 'reports'
    running = subprocess.Popen(command(*bags, *ASKED, '--scheduler', address, '--report', report),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        until(lambda: (report / 'fleet.json').is_file() and 'done' in str(rows_of(report)))
        scheduler.kill()
        out, err = running.communicate(timeout=200)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 1 and 'Traceback' not in err, err
    rows = rows_of(report)
    lost = [row for row in rows.values() if 'connection to the scheduler was lost' in row['reason']]
    done = [row for row in rows.values() if row['state'] == 'done']
    assert set(rows) == {bag.name for bag in bags} and lost and done, out + err
    again = depth_nodes(*bags, *ASKED, '--report', report)  # one after the other, without Dask
    # a bag may have been finished after its scheduler was gone
    kept = [row['state'] for row in rows_of(report).values()].count('kept')
    assert again.returncode == 1 and f'{kept} of 6 bags had their report' in again.stdout
    assert kept >= len(done)
    assert [rows_of(report)[bag.name]['state'] for bag in bags[:-1]].count('done') == BAGS - kept


def test_processes_of_one_machine_then_only_what_is_new(bags, tmp_path):
    mine = [shutil.copytree(bag, tmp_path / 'bags' / bag.name) for bag in bags[:2]]
    words = (*ASKED, '--frames', 2, '--report', tmp_path / 'reports')
    done = depth_nodes(*mine, bags[-1], *words, '--jobs', 2)
    assert done.returncode == 1 and 'Traceback' not in done.stderr, done.stdout + done.stderr
    assert 'failed: ' in done.stdout and f'wrote {tmp_path}/reports/fleet.html' in done.stdout
    rows = rows_of(tmp_path / 'reports')
    assert [row['state'] for row in rows.values()] == ['done', 'done', 'failed']
    assert len({rows[bag.name]['host'] for bag in mine}) == 2  # a process each
    assert 'broken.mcap' in rows['broken.mcap']['reason']
    notes = json.loads((tmp_path / 'reports/run_0/report.json').read_text())['about']['notes']
    assert any('at the same time' in note for note in notes)
    with (tmp_path / 'reports/fleet.csv').open() as file:
        lines = list(csv.DictReader(file))
    assert [line['state'] for line in lines] == ['done', 'done', 'failed'] and float(lines[0]['epe [px]']) > 0
    page = (tmp_path / 'reports/fleet.html').read_text()
    assert page.count('<tr data-state=') == 3 and '<a href="run_0/report.html">' in page

    before = (tmp_path / 'reports/run_0/report.json').stat().st_mtime_ns
    os.utime(next(mine[1].glob('*.mcap')))
    done = depth_nodes(*mine, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '1 of 2 bags had their report' in done.stdout
    assert [row['state'] for row in rows_of(tmp_path / 'reports').values()] == ['kept', 'done']
    assert (tmp_path / 'reports/run_0/report.json').stat().st_mtime_ns == before
    done = depth_nodes(*mine, *words, '--param', 'num_threads=2')  # something else is asked
    assert done.returncode == 0 and 'had their report' not in done.stdout
    done = depth_nodes(*mine, *words, '--param', 'num_threads=2', '--again')
    assert done.returncode == 0 and 'had their report' not in done.stdout


def test_a_job_that_kills_every_worker_takes_no_other_with_it():
    from depth_nodes.replay import cluster

    with cluster.local(2) as client:
        ended = dict(cluster.spread(deadly_or_not, [0, 1, -9, 2, 3, 4], client))
    assert {job: value for job, value in ended.items() if job >= 0} == {0: 0, 1: 10, 2: 20, 3: 30, 4: 40}
    assert isinstance(ended[-9], ChildProcessError)
    assert re.match(r'4 workers died with it, the last was tcp://127\.0\.0\.1:\d+', str(ended[-9]))


def test_what_a_job_raises_is_its_outcome_and_threads_do_not_share_a_worker():
    from depth_nodes.replay import cluster

    with cluster.local(1) as client:
        ended = dict(cluster.spread(threads_or_error, ['threads', 'error'], client))
    assert ended['threads'] == max(os.cpu_count() or 1, 1)
    assert isinstance(ended['error'], ZeroDivisionError)


def deadly_or_not(number: int) -> int:
    if number < 0:
        os.kill(os.getpid(), -number)
    return 10 * number


def threads_or_error(word: str) -> int:
    from depth_nodes.replay import cluster

    return cluster.threads_of_worker() if word == 'threads' else 1 // 0


def test_workers_that_start_together_have_domains_of_their_own():
    told = [subprocess.Popen(
        [sys.executable, '-c', 'import os, random, sys; random.seed(1)\n'  # all draw the same domain first
         'from depth_nodes.replay.worker import use_own_domain\nuse_own_domain(); use_own_domain()\n'
         'print(os.environ["ROS_DOMAIN_ID"], flush=True); sys.stdin.read()\n'
         'assert "torch" not in sys.modules'],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)]
    try:
        domains = [process.stdout.readline() for process in told]
        assert len(set(domains)) == 3 and all(1 <= int(domain) <= 101 for domain in domains)
    finally:
        for process in told:
            process.communicate('')
    assert [process.returncode for process in told] == [0, 0, 0]


def test_reports_of_several_bags_get_folders_that_do_not_depend_on_the_order(tmp_path):
    bags = [tmp_path / name for name in ('a/run.mcap', 'b/run.mcap', 'b/run.bag', 'other.db3')]
    assert fleet.folders(bags[:1], tmp_path) == [tmp_path]
    found = fleet.folders(bags, Path('r'))
    assert list(map(str, found)) == ['r/a/run.mcap', 'r/b/run.mcap', 'r/run.bag', 'r/other']
    assert fleet.folders(bags[::-1], Path('r')) == found[::-1]


@pytest.mark.parametrize('words, why', [
    (('--jobs', 0), '--jobs must be 1 or more'),
    (('--scheduler', '127.0.0.1:1'), '--scheduler 127.0.0.1:1 does not answer'),
    (('--record', '{tmp}/new'), '--record takes what the node makes of one bag')])
def test_what_keeps_all_bags_from_being_replayed_is_one_sentence(bags, tmp_path, words, why):
    done = depth_nodes(*bags, *ASKED, *(str(word).format(tmp=tmp_path) for word in words), '--report',
                       tmp_path / 'none')
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert why in done.stderr.strip().splitlines()[-1], done.stderr


def test_without_dask_several_jobs_are_one_sentence(bags, tmp_path):
    words = command(*bags, *ASKED, '--jobs', 2, '--report', tmp_path)[3:]
    done = subprocess.run(
        [sys.executable, '-c', 'import sys; sys.modules["distributed"] = None\n'
         f'from depth_models import cli; cli.main({words!r})'], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert "pip install 'depth_nodes[fleet]'" in done.stderr.strip().splitlines()[-1]

"""A run in a folder: learns, is killed, goes on, and ends as if nothing had been."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip('lightning.pytorch')
pytest.importorskip('tensorboard')

import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from depth_models import pretrained
from depth_models.networks.anynet import AnyNet, AnyNetConfig
from depth_models.training import checkpoints, config_files, stereo
from depth_models.training.batches import validation_batches
from depth_models.training.config import OptimizerConfig
from depth_models.training.running import train
from depth_models.training.stereo_task import StereoTask

ROOT = Path(__file__).parents[2]
TINY = """
data: {batch: 2, height: 32, width: 64, max_disparity: 64, validation_pairs: 3}
optimizer: {warmup_steps: 5}
trainer: {steps: 30, checkpoint_every: 4, validate_every: 12, log_every: 3, pictures: 1}
"""
FOR_TIME = ('seconds_per_step', 'waiting_for_data')


@pytest.fixture(scope='module')
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp('config') / 'tiny.yaml'
    path.write_text(TINY)
    return str(path)


@pytest.fixture(scope='module')
def whole(tiny, tmp_path_factory):
    """The folder of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp('whole')
    written = train(config_files.load(tiny), out, check=False, command='made by a test')
    assert written == out / 'tiny.safetensors'
    return out


def log(out):
    return [json.loads(line) for line in (out / 'log.jsonl').read_text().splitlines()]


def figures(out):
    """What the log says of every step, without the times and without the marks of resumed runs."""
    return [{key: value for key, value in entry.items() if key not in FOR_TIME}
            for entry in log(out) if 'event' not in entry]


def resumed_at(out):
    return [entry['step'] for entry in log(out) if entry.get('event') == 'resumed']


def assert_same_weights(one, two):
    a, b = (load_file(out / 'tiny.safetensors') for out in (one, two))
    assert a.keys() == b.keys()
    assert [key for key in a if not torch.equal(a[key], b[key])] == []


def steps(out):
    return [int(path.stem[5:]) for path in sorted((out / 'checkpoints').glob('step_*.ckpt'))]


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'it never came'
        time.sleep(0.005)


# --- a run


def test_a_run_leaves_weights_with_their_story(whole, tiny):
    weights = pretrained.read(str(whole / 'tiny.safetensors'), 'anynet')
    config = config_files.load(str(whole / 'config.yaml'))
    assert weights.config == json.loads(json.dumps(AnyNetConfig().__dict__))
    assert weights.notes['command'] == 'made by a test' and weights.notes['config_name'] == 'tiny'
    assert weights.notes['config_sha256'] == config_files.sha256(config)
    assert weights.notes['config_sha256'] == config_files.sha256(config_files.load(tiny))
    assert weights.notes['steps'] == '30' and float(weights.notes['seconds']) >= 0
    pretrained.load_into(AnyNet(), weights)


def test_the_log_and_the_curves_say_the_same(whole):
    entries = figures(whole)
    training = [entry for entry in entries if 'loss' in entry]
    assert [entry['step'] for entry in training] == list(range(3, 31, 3))
    assert all(training[-1][f'loss_stage_{stage}'] > 0 for stage in (1, 2, 3, 4))
    validation = [entry for entry in entries if 'epe_1' in entry]
    assert [entry['step'] for entry in validation] == [12, 24, 30]  # the end too
    assert all(0 <= validation[-1][f'bad2_{stage}'] <= validation[-1][f'bad1_{stage}'] <= 1
               for stage in (1, 2, 3, 4))
    curves = EventAccumulator(str(whole / 'tensorboard')).Reload()
    assert [(e.step, pytest.approx(e.value, rel=1e-4)) for e in curves.Scalars('train/loss')] == [
        (entry['step'], entry['loss']) for entry in training]
    assert [e.step for e in curves.Scalars('validation/epe_4')] == [12, 24, 30]
    assert [e.step for e in curves.Images('pair_0')] == [12, 24, 30]


def test_a_network_that_waits_for_its_pairs_says_so_once(tiny, tmp_path, capfd):
    config = config_files.load(tiny, ['data.workers=0', 'trainer.steps=9'])  # drawn between the steps
    train(config, tmp_path, check=False)
    said = [line for line in capfd.readouterr().out.splitlines() if line.startswith('the network waits')]
    assert len(said) == 1 and 'data.workers is 0' in said[0]


def test_the_average_is_what_is_written_not_the_last_weights(whole):
    saved = torch.load(whole / 'checkpoints' / 'step_00000030.ckpt', weights_only=True)
    written = load_file(whole / 'tiny.safetensors')
    name = 'search.matching.weight'
    assert torch.equal(written[name], saved['state_dict'][f'network.{name}'])
    assert not torch.equal(written[name], saved['current_model_state'][f'network.{name}'])


def test_the_learning_rate_rises_in_a_line_and_falls_in_a_cosine(whole):
    config = OptimizerConfig(warmup_steps=100)
    factors = [config.factor(step, 1100) for step in (0, 50, 100, 600, 1100)]
    assert factors == pytest.approx([0.01, 0.505, 1.0, 0.5, 0.0])
    rates = {entry['step']: entry['learning_rate'] for entry in figures(whole) if 'loss' in entry}
    assert rates[6] == pytest.approx(3e-3) and rates[30] < 5e-5


def test_devices_validate_every_pair_once_and_none_waits_for_another(tiny):
    config = config_files.load(tiny, ['data.validation_pairs=7']).data
    alone = [left for batch in validation_batches(StereoTask(), config) for left in batch.left]
    parts = [[pair for batch in validation_batches(StereoTask(), config, rank, 2)
              for pair in zip(batch.left, batch.valid)]
             for rank in range(2)]
    assert len(alone) == 7 and [len(part) for part in parts] == [4, 4]
    for rank, part in enumerate(parts):
        for number, (left, valid) in enumerate(part):
            if (index := 2 * number + rank) < 7:
                assert torch.equal(left, alone[index]) and valid.any()
            else:
                assert not valid.any()


# --- a run that is disturbed


@pytest.fixture
def killed(tiny, tmp_path):
    """The folder of a run that was killed without a warning in the middle of a step."""
    process = subprocess.Popen(
        [sys.executable, '-W', 'error', '-m', 'depth_models.training.stereo', '--config', tiny,
         '--out', str(tmp_path), '--skip-checks'],
        cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, 'OMP_NUM_THREADS': '1'})
    try:
        wait_for(lambda: len(steps(tmp_path)) == 2 or process.poll() is not None)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL
    return tmp_path


def test_a_killed_run_ends_as_if_nothing_had_been(whole, killed, tiny, capsys):
    older, newer = steps(killed)
    path = killed / 'checkpoints' / f'step_{newer:08d}.ckpt'
    path.write_bytes(path.read_bytes()[:-5000])  # and the disk was full
    (killed / 'checkpoints' / 'step_00000099.part').write_bytes(b'half')
    train(config_files.load(tiny), killed, check=False)
    said = capsys.readouterr().out
    assert f'{path} is damaged' in said and 'the one before it is tried' in said
    assert resumed_at(killed) == [older]
    assert figures(killed) == figures(whole)
    assert_same_weights(killed, whole)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_saves_the_step_it_is_at(whole, tiny, tmp_path, capsys, number):
    config = config_files.load(tiny)
    before = signal.getsignal(number)

    def ask():
        wait_for(lambda: steps(tmp_path))
        os.kill(os.getpid(), number)
    asking = threading.Thread(target=ask)
    asking.start()
    with pytest.raises(SystemExit) as ended:
        train(config, tmp_path, check=False)
    asking.join()
    assert ended.value.code == 128 + number
    assert signal.getsignal(number) == before
    step = steps(tmp_path)[-1]
    assert 4 <= step < 30 and f'stopped after step {step};' in capsys.readouterr().out
    second = int(time.time())  # TensorBoard orders its files by the second in their names
    wait_for(lambda: int(time.time()) > second)
    train(config_files.load(tiny, ['data.workers=0', 'trainer.checkpoint_every=9']), tmp_path, check=False)
    assert resumed_at(tmp_path) == [step]
    assert figures(tmp_path) == figures(whole)
    assert_same_weights(tmp_path, whole)
    curves = EventAccumulator(str(tmp_path / 'tensorboard')).Reload()
    assert [e.step for e in curves.Scalars('train/loss')] == list(range(3, 31, 3))


def test_a_complete_run_is_only_written_again(whole, tiny):
    made = load_file(whole / 'tiny.safetensors')
    entries = log(whole)
    (whole / 'tiny.safetensors').unlink()
    train(config_files.load(tiny), whole, check=False, command='made by a test')
    assert log(whole) == entries
    assert all(torch.equal(value, made[key]) for key, value in
               load_file(whole / 'tiny.safetensors').items())


@pytest.mark.parametrize(('override', 'says'), [
    ('network.channels=[4, 8, 16]', r'network.channels = \[8, 16, 32\], and now it is \[4, 8, 16\]'),
    ('trainer.steps=60', 'trainer.steps = 30, and now it is 60'),
    ('data.seed=2', 'data.seed = 1, and now it is 2')])
def test_a_run_of_another_config_is_not_taken_up(whole, tiny, override, says):
    with pytest.raises(ValueError, match=says):
        train(config_files.load(tiny, [override]), whole, check=False)


def test_damage_anywhere_in_a_checkpoint_is_seen(whole, tmp_path):
    content = (whole / 'checkpoints' / 'step_00000030.ckpt').read_bytes()
    assert checkpoints.newest(tmp_path) is None
    for place in (len(content) // 3, len(content) // 2):
        broken = bytearray(content)
        broken[place] ^= 1
        (tmp_path / 'step_00000030.ckpt').write_bytes(broken)
        with pytest.raises(ValueError, match='no checkpoint here is whole; --restart begins again'):
            checkpoints.newest(tmp_path, say=lambda _: None)


# --- the command


def test_restart_fine_tuning_and_shipping(whole, tiny, tmp_path, monkeypatch, capsys):
    (tmp_path / 'checkpoints').mkdir()
    (tmp_path / 'checkpoints' / 'step_00000009.ckpt').write_bytes(b'of another run')
    monkeypatch.setattr(pretrained, 'SHIPPED', tmp_path)
    stereo.main(['--config', tiny, '--out', str(tmp_path), '--steps', '1', '--restart', '--ship', 'mine',
                 '--set', f'trainer.initial_weights={whole / "tiny.safetensors"}',
                 '--set', 'optimizer.learning_rate=1e-9', '--set', 'data.workers=0'])
    assert steps(tmp_path) == [1]
    assert 'check: loss on one batch' in capsys.readouterr().out
    start, end = load_file(whole / 'tiny.safetensors'), load_file(tmp_path / 'mine.safetensors')
    name = 'search.matching.weight'
    torch.testing.assert_close(end[name], start[name], rtol=0, atol=1e-6)
    notes = pretrained.read('mine', 'anynet').notes
    assert notes['command'].startswith(f'depth-nodes train stereo --config {tiny} --set trainer.initial')


def test_only_checking_makes_no_folder(tiny, tmp_path, capsys):
    stereo.main(['--config', tiny, '--out', str(tmp_path / 'run'), '--check'])
    assert 'check: layered' in capsys.readouterr().out
    assert not (tmp_path / 'run').exists()


def test_what_is_wrong_is_one_line(tiny, capsys):
    with pytest.raises(SystemExit) as ended:
        stereo.main(['--config', tiny, '--set', 'data.bach=3'])
    assert ended.value.code == 1
    assert 'no key "data.bach"' in (said := capsys.readouterr().err) and said.count('\n') == 1

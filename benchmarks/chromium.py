"""A headless Chromium that is told what to do over a pipe, in its DevTools protocol: no driver, no port."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome')
FLAGS = ('--headless=new', '--remote-debugging-pipe', '--no-first-run', '--no-default-browser-check',
         '--hide-scrollbars', '--disable-extensions', '--disable-background-networking', '--disable-gpu',
         '--mute-audio', '--force-device-scale-factor=1')
KEYS = {'Tab': 9, 'Escape': 27, 'Home': 36, 'ArrowLeft': 37, 'ArrowUp': 38, 'ArrowRight': 39, 'ArrowDown': 40}


def find() -> str | None:
    """The path of a Chromium or Chrome: of $CHROMIUM, else of what is installed."""
    return os.environ.get('CHROMIUM') or next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """One window. Use it in a `with`; what it says of errors in scripts is in `complaints`."""

    def __init__(self, program: str, *, width: int = 1280, height: int = 900, seconds: float = 60) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []  # addresses that pages asked for
        self._seconds = seconds
        self._events: deque[dict[str, Any]] = deque()
        self._number, self._rest = 0, b''
        self._profile = tempfile.TemporaryDirectory(prefix='chromium_', ignore_cleanup_errors=True)
        told, self._to = os.pipe()
        self._from, said = os.pipe()
        # Chromium reads from 3 and writes to 4
        flags = [*FLAGS, f'--user-data-dir={self._profile.name}', f'--window-size={width},{height}']
        if os.geteuid() == 0:
            flags.append('--no-sandbox')
        self._process = subprocess.Popen(
            ['bash', '-c', f'exec 8<&{told} 9>&{said}; exec "$0" "$@" 3<&8 4>&9', program, *flags,
             'about:blank'],
            pass_fds=(told, said), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(told)
        os.close(said)
        self._session: str | None = None

    def __enter__(self) -> 'Chromium':
        targets = self.send('Target.getTargets')['targetInfos']
        page = next(target['targetId'] for target in targets if target['type'] == 'page')
        self._session = self.send('Target.attachToTarget', targetId=page, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.send(f'{domain}.enable')
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)
        self._profile.cleanup()

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; RuntimeError with the browser's words where it refuses."""
        self._number += 1
        message = {'id': self._number, 'method': method, 'params': parameters}
        if self._session:
            message['sessionId'] = self._session
        data = json.dumps(message).encode() + b'\0'
        while data:
            data = data[os.write(self._to, data):]
        while True:
            answer = self._receive(method)
            if answer.get('id') == self._number:
                if 'error' in answer:
                    raise RuntimeError(f'{method}: {answer["error"]["message"]}')
                return answer['result']
            self._events.append(answer)

    def open(self, path: Path) -> None:
        """Open a file and wait until it is loaded."""
        self._events.clear()
        self.send('Page.navigate', url=path.resolve().as_uri())
        self._wait('Page.loadEventFired')

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        found = self.send('Runtime.evaluate', expression=expression, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in found:
            raise RuntimeError(f'{expression}: {found["exceptionDetails"]["exception"].get("description")}')
        return found['result'].get('value')

    def dress(self, scheme: str) -> None:
        """Prefer 'light' or 'dark'."""
        self.send('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def resize(self, width: int, height: int) -> None:
        self.send('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1,
                  mobile=False)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """kind: 'mouseMoved', 'mousePressed', 'mouseReleased' or 'mouseWheel', at px of the window."""
        self.send('Input.dispatchMouseEvent', type=kind, x=x, y=y, **more)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        held: dict[str, Any] = {'button': 'left', 'buttons': 1}
        self.mouse('mouseMoved', *start)
        self.mouse('mousePressed', *start, clickCount=1, **held)
        for part in (0.25, 0.5, 0.75, 1.0):
            self.mouse('mouseMoved', *(a + (b - a) * part for a, b in zip(start, end)), **held)
        self.mouse('mouseReleased', *end, clickCount=1, button='left')

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        """kind: 'touchStart', 'touchMove' or 'touchEnd', with where the fingers are."""
        self.send('Input.dispatchTouchEvent', type=kind, touchPoints=[
            {'x': x, 'y': y, 'id': finger} for finger, (x, y) in enumerate(points)])

    def key(self, name: str) -> None:
        text = {'text': name} if len(name) == 1 else {}
        for kind in ('keyDown', 'keyUp'):
            self.send('Input.dispatchKeyEvent', type=kind, key=name, windowsVirtualKeyCode=KEYS.get(name, 0),
                      **(text if kind == 'keyDown' else {}))

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """A PNG of the whole page, or of the window."""
        found = self.send('Page.captureScreenshot', format='png', captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found['data']))

    def _wait(self, event: str) -> None:
        while True:
            for index, message in enumerate(self._events):
                if message.get('method') == event:
                    del self._events[index]
                    return
            self._events.append(self._receive(event))

    def _receive(self, what: str) -> dict[str, Any]:
        end = time.monotonic() + self._seconds
        while b'\0' not in self._rest:
            ready, _, _ = select.select([self._from], [], [], max(0.0, end - time.monotonic()))
            data = os.read(self._from, 1 << 20) if ready else b''
            if not data:
                raise RuntimeError(f'Chromium said nothing to {what} for {self._seconds:g} s' if not ready
                                   else f'Chromium ended before it answered {what}')
            self._rest += data
        line, _, self._rest = self._rest.partition(b'\0')
        message = json.loads(line)
        parameters = message.get('params', {})
        if message.get('method') == 'Runtime.exceptionThrown':
            details = parameters['exceptionDetails']
            self.complaints.append(details.get('exception', {}).get('description') or details['text'])
        elif message.get('method') == 'Log.entryAdded':
            self.complaints.append(f'{parameters["entry"]["level"]}: {parameters["entry"]["text"]}')
        elif message.get('method') == 'Network.requestWillBeSent':
            self.requests.append(parameters['request']['url'])
        return message

// A point cloud on a canvas: drag turns it, two fingers or Shift and drag shift it, the wheel zooms.

class Cloud {
  // bytes: float32 x, y, z of every point (x right, y down, z forward) [m], then uint8 r, g, b of every point
  constructor(canvas, count, base64) {
    const binary = atob(base64), bytes = new Uint8Array(binary.length);
    for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
    this.canvas = canvas;
    this.context = canvas.getContext('2d', {willReadFrequently: true});  // its pixels are made here, not by a GPU
    this.count = count;
    this.xyz = new Float32Array(bytes.buffer, 0, 3 * count);
    this.colours = new Uint32Array(count);
    for (let point = 0; point < count; point++) {
      const at = 12 * count + 3 * point;
      this.colours[point] = 0xff000000 | bytes[at + 2] << 16 | bytes[at + 1] << 8 | bytes[at];
    }
    this.measure();
    this.reset();
    this.listen();
    drawn(canvas, () => this.draw());
  }

  measure() {
    const quantiles = axis => {
      const values = new Float32Array(this.count);
      for (let point = 0; point < this.count; point++) values[point] = this.xyz[3 * point + axis];
      values.sort();
      return share => values[Math.min(this.count - 1, Math.floor(share * this.count))];
    };
    const [x, y, z] = [0, 1, 2].map(quantiles);
    this.pivot = [x(0.5), y(0.5), z(0.4)];
    this.size = Math.max(z(0.4), 1e-6);  // the camera's distance from the pivot
    // tangents of the field of view that the points fill, from those of each
    const flat = new Float32Array(this.count);
    this.spread = [0, 1].map(axis => {
      for (let point = 0; point < this.count; point++) {
        flat[point] = Math.abs(this.xyz[3 * point + axis] / this.xyz[3 * point + 2]);
      }
      return flat.sort()[Math.floor(0.98 * (this.count - 1))] || 0.5;
    });
    this.spacing = Math.sqrt(4 * this.spread[0] * this.spread[1] / this.count);  // of neighbours at 1 m [m]
  }

  reset() { [this.yaw, this.pitch, this.distance, this.shift] = [-0.18, 0.3, 1.1, [0, 0]]; }

  listen() {
    const {canvas} = this, held = new Map();
    const change = () => {
      this.waiting ||= requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
    };
    const zoom = factor => { this.distance = Math.min(Math.max(this.distance * factor, 0.05), 20); change(); };
    const turn = (right, down) => {
      this.yaw -= right;  // what is in front goes with the pointer
      this.pitch = Math.min(Math.max(this.pitch + down, -1.5), 1.5);
      change();
    };
    canvas.addEventListener('pointerdown', event => {
      held.set(event.pointerId, [event.clientX, event.clientY]);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener('pointermove', event => {
      const before = held.get(event.pointerId);
      if (!before) return;
      const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
      const spread = () => { const [a, b] = [...held.values()]; return Math.hypot(a[0] - b[0], a[1] - b[1]); };
      const apart = held.size === 2 ? spread() : 0;
      held.set(event.pointerId, [event.clientX, event.clientY]);
      if (held.size === 2) zoom(apart / Math.max(spread(), 1));
      if (held.size === 2 || event.shiftKey) {
        const step = this.distance * this.size / this.focal() / held.size;
        this.shift = [this.shift[0] + dx * step, this.shift[1] + dy * step];
        change();
      } else turn(dx * 0.006, dy * 0.006);
    });
    for (const end of ['pointerup', 'pointercancel']) {
      canvas.addEventListener(end, event => held.delete(event.pointerId));
    }
    // without the focus the wheel goes on scrolling the page
    canvas.addEventListener('wheel', event => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;
      event.preventDefault();
      zoom(Math.exp(Math.min(Math.max(event.deltaY, -200), 200) * 0.0015));
    }, {passive: false});
    canvas.addEventListener('keydown', event => {
      const keys = {
        ArrowLeft: () => turn(-0.1, 0), ArrowRight: () => turn(0.1, 0),
        ArrowUp: () => turn(0, -0.1), ArrowDown: () => turn(0, 0.1),
        '+': () => zoom(0.85), '=': () => zoom(0.85), '-': () => zoom(1 / 0.85),
        Home: () => { this.reset(); change(); }};
      if (!keys[event.key]) return;
      keys[event.key]();
      event.preventDefault();
    });
    canvas.addEventListener('dblclick', () => { this.reset(); change(); });
  }

  focal() {
    const {clientWidth, clientHeight} = this.canvas;
    return 0.46 * Math.min(clientWidth / this.spread[0], clientHeight / this.spread[1]);
  }

  draw() {
    const {canvas, xyz, colours, count, pivot} = this;
    const ratio = Math.min(window.devicePixelRatio || 1, 1.5);
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (!this.picture || canvas.width !== width || canvas.height !== height) {
      [canvas.width, canvas.height] = [width, height];
      this.picture = this.context.createImageData(width, height);
      this.nearest = new Float32Array(width * height);
    }
    const pixels = new Uint32Array(this.picture.data.buffer), nearest = this.nearest;
    pixels.fill(0xff1c1714);  // dark by day too: photographs of points are
    nearest.fill(Infinity);
    const [sy, cy, sp, cp] = [Math.sin(this.yaw), Math.cos(this.yaw), Math.sin(this.pitch), Math.cos(this.pitch)];
    const away = this.distance * this.size, focal = this.focal() * ratio;
    const closest = 0.02 * this.size, [right, down] = this.shift;
    for (let point = 0; point < count; point++) {
      const source = xyz[3 * point + 2];
      const px = xyz[3 * point] - pivot[0], py = xyz[3 * point + 1] - pivot[1], pz = source - pivot[2];
      const x = cy * px + sy * pz + right, turned = cy * pz - sy * px;
      const y = cp * py - sp * turned + down, z = cp * turned + sp * py + away;
      if (!(z > closest)) continue;
      const grain = Math.min(Math.max(1.3 * this.spacing * source * focal / z, ratio), 12);
      const side = Math.ceil(grain);
      const left = Math.round(width / 2 + focal * x / z - grain / 2);
      const top = Math.round(height / 2 + focal * y / z - grain / 2);
      if (left < -side || top < -side || left >= width || top >= height) continue;
      for (let row = Math.max(top, 0); row < Math.min(top + side, height); row++) {
        for (let column = Math.max(left, 0); column < Math.min(left + side, width); column++) {
          const at = row * width + column;
          if (z < nearest[at]) { nearest[at] = z; pixels[at] = colours[point]; }
        }
      }
    }
    this.context.putImageData(this.picture, 0, 0);
  }
}

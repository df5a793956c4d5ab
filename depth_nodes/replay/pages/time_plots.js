// Panels over one axis of time, with one cursor and one zoom for all.

class TimePlots {
  // data: {runs: [{name, t, stamp_ns}], panels: [{title, kind, choices: [{name, unit, meaning, values: [of run]}]}]}
  constructor(host, data) {
    this.host = host;
    this.data = data;
    const starts = data.runs.map(run => run.t[0]), ends = data.runs.map(run => run.t[run.t.length - 1]);
    this.whole = [Math.min(...starts), Math.max(...ends)];
    if (this.whole[0] === this.whole[1]) this.whole[1] += 1;
    this.view = [...this.whole];
    this.gaps = data.runs.map(run => 3.5 * TimePlots.period(run.t));
    this.longest = data.runs.reduce((best, run, index) => run.t.length > data.runs[best].t.length ? index : best, 0);
    this.cursor = null;  // [s]
    this.box = host.querySelector('.panels');
    this.panels = data.panels.map((panel, index) => this.addPanel(panel, index));
    if (data.runs.length > 1) {
      legend(host.querySelector('.legend'),
        data.runs.map((run, index) => ({name: run.name, classes: `run${index}`})));
    }
    this.range = host.querySelector('input[type=range]');
    this.text = host.querySelector('#frame-text');
    this.range.max = data.runs[this.longest].t.length - 1;
    this.range.addEventListener('input', () => this.toFrame(Number(this.range.value)));
    for (const button of host.querySelectorAll('[data-zoom]')) {
      button.addEventListener('click', () => this.zoom({in: 0.5, out: 2, all: Infinity}[button.dataset.zoom]));
    }
    listenTo(this);
    this.say();
    drawn(this.box, () => this.draw());
  }

  static period(times) {
    const steps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
    return steps.length ? steps[steps.length >> 1] : Infinity;
  }

  addPanel(panel, index) {
    const shown = {...panel, chosen: 0, meaning: html('span', {class: 'meaning'}), value: html('output')};
    const head = html('div', {class: 'head'}, html('h3', {}, panel.title));
    if (panel.choices.length > 1) {
      const select = html('select', {'aria-label': `${panel.title}: which figure`},
        ...panel.choices.map((choice, at) => html('option', {value: at}, choice.name)));
      select.addEventListener('change', () => { shown.chosen = Number(select.value); this.draw(); });
      head.append(select);
    }
    head.append(shown.meaning, shown.value);
    shown.plot = svg('svg', {class: 'plot', role: 'img', 'data-panel': panel.title});
    shown.last = index === this.data.panels.length - 1;
    shown.height = (panel.kind === 'marks' ? 34 : panel.kind === 'step' ? 84 : 150) + (shown.last ? 36 : 0);
    this.box.append(head, shown.plot);
    return shown;
  }

  // Around the cursor where it is in view, else around the middle.
  zoom(factor) {
    const [from, to] = this.view;
    const seen = this.cursor !== null && this.cursor >= from && this.cursor <= to;
    const middle = seen ? this.cursor : (from + to) / 2;
    this.show(middle - (middle - from) * factor, middle + (to - middle) * factor);
  }

  show(from, to) {
    const least = (this.whole[1] - this.whole[0]) / 1e5;
    if (!(to - from > least)) return;
    this.view = [Math.max(from, this.whole[0]), Math.min(to, this.whole[1])];
    this.draw();
  }

  toFrame(frame) { this.toTime(this.data.runs[this.longest].t[frame]); }

  toStamp(stamp) {
    const {t, stamp_ns: stamps} = this.data.runs[0];
    const time = t[stamps.indexOf(stamp)];
    if (time === undefined) return;
    if (time < this.view[0] || time > this.view[1]) this.view = [...this.whole];
    this.toTime(time);
    this.draw();
  }

  // The cursor stands on a frame, never between two.
  toTime(time) {
    const {t} = this.data.runs[this.longest];
    const frame = nearest(t, time);
    this.cursor = t[frame];
    this.range.value = frame;
    if (this.cursor < this.view[0] || this.cursor > this.view[1]) {
      const half = (this.view[1] - this.view[0]) / 2;
      this.show(this.cursor - half, this.cursor + half);
    }
    this.mark();
    this.say();
  }

  valueAt(choice, run) {
    const {t} = this.data.runs[run], values = choice.values[run];
    if (!values) return undefined;
    const frame = nearest(t, this.cursor);
    return Math.abs(t[frame] - this.cursor) <= this.gaps[run] ? values[frame] : undefined;
  }

  say() {
    const run = this.data.runs[this.longest], frame = Number(this.range.value);
    this.text.textContent = this.cursor === null ? 'Point at a plot, or move the slider.'
      : `${frame + 1} of ${run.t.length}, at ${run.t[frame].toFixed(3)} s, stamp ${run.stamp_ns[frame]} ns`;
    const said = [];
    for (const panel of this.panels) {
      const choice = panel.choices[panel.chosen];
      panel.value.replaceChildren();
      if (this.cursor === null) continue;
      this.data.runs.forEach((one, index) => {
        const value = this.valueAt(choice, index);
        if (this.data.runs.length > 1) {
          panel.value.append(html('span', {class: `patch run${index}`, 'aria-hidden': 'true'}, '■'));
        }
        if (panel.kind === 'marks') panel.value.append(value === undefined ? '–' : value ? 'dropped' : 'answered');
        else panel.value.append(format(value));
      });
      if (choice.unit && panel.value.textContent !== '–') panel.value.append(` ${choice.unit}`);
      said.push(`${panel.title} ${panel.value.textContent}`);
    }
    this.range.setAttribute('aria-valuetext',
      this.cursor === null ? 'no frame chosen' : `frame ${frame + 1}, ${said.join(', ')}`);
  }

  draw() {
    const width = this.box.clientWidth;
    this.x = scale(...this.view, 62, width - 14);
    for (const panel of this.panels) this.drawPanel(panel, width);
    this.mark();
    this.say();
  }

  drawPanel(panel, width) {
    const {plot, kind} = panel, choice = panel.choices[panel.chosen];
    const bottom = panel.height - (panel.last ? 36 : 0) - 8, left = 62, right = width - 14;
    panel.meaning.textContent = [choice.unit && `[${choice.unit}]`, choice.meaning].filter(Boolean).join(' ');
    plot.setAttribute('viewBox', `0 0 ${width} ${panel.height}`);
    plot.style.height = `${panel.height}px`;
    plot.setAttribute('aria-label', `${panel.title}: ${choice.name} over time`);
    plot.replaceChildren(svg('rect', {x: left, y: 4, width: right - left, height: bottom - 4, fill: 'transparent'}));
    const times = ticks(...this.view, Math.max(2, width / 130));
    for (const time of times) {
      plot.append(svg('line', {class: 'grid', x1: this.x(time), x2: this.x(time), y1: 4, y2: bottom}));
    }
    // one frame more on both sides, so that lines go on to the edge
    const inView = this.data.runs.map(({t}) => [
      Math.max(lower(t, this.view[0]) - 1, 0), Math.min(lower(t, this.view[1]), t.length - 1)]);
    if (kind === 'marks') this.drawMarks(panel, choice, inView, bottom);
    else {
      const known = choice.values.flatMap((values, run) => values ? values.slice(inView[run][0], inView[run][1] + 1) : [])
        .filter(value => value !== null);
      let low = Infinity, high = -Infinity;
      for (const value of known) { low = Math.min(low, value); high = Math.max(high, value); }
      if (!known.length) { low = 0; high = 1; }
      if (kind === 'step') { low -= 0.3; high += 0.3; }
      else if (low >= 0 && low < 0.6 * high) low = 0;  // a change of a few per cent is to be seen
      if (low === high) { low -= 0.5; high += 0.5; }
      const y = scale(low, high + 0.04 * (high - low), bottom, 4);
      for (const value of ticks(low, high, kind === 'step' ? high - low : 4)) {
        if (kind === 'step' && value % 1) continue;
        plot.append(svg('line', {class: 'grid', x1: left, x2: right, y1: y(value), y2: y(value)}),
          svg('text', {x: left - 6, y: y(value) + 4, 'text-anchor': 'end'}, format(value)));
      }
      choice.values.forEach((values, run) => {
        if (!values) return;
        const [first, last] = inView[run];
        this.clipped(panel, bottom).append(svg('path', {
          class: `line run${run}`, transform: `translate(0 ${this.aside(panel, run)})`,
          d: linePath(this.data.runs[run].t, values, this.x, y,
            {first, last, gap: this.gaps[run], stepped: kind === 'step'})}));
      });
      panel.y = y;
    }
    plot.append(svg('line', {class: 'frame', x1: left, x2: right, y1: bottom, y2: bottom}));
    if (panel.last) {
      const middle = {'text-anchor': 'middle'};
      for (const time of times) plot.append(svg('text', {...middle, x: this.x(time), y: bottom + 17}, format(time)));
      plot.append(svg('text', {...middle, x: (left + right) / 2, y: bottom + 34}, 'time since the start [s]'));
    }
    panel.overlay = svg('g');
    panel.bottom = bottom;
    plot.append(panel.overlay);
  }

  // A nested SVG cuts off what lies outside of the axes.
  clipped(panel, bottom) {
    const width = this.x(this.view[1]) - 62;
    const inner = svg('svg', {
      x: 62, y: 0, width, height: bottom + 2, viewBox: `62 0 ${width} ${bottom + 2}`, overflow: 'hidden'});
    panel.plot.append(inner);
    return inner;
  }

  // Steps of several runs are drawn beside each other, or the last one would hide the others.
  aside(panel, run) { return panel.kind === 'step' ? 3 * (run - (this.data.runs.length - 1) / 2) : 0; }

  drawMarks(panel, choice, inView, bottom) {
    const runs = choice.values.length, height = (bottom - 6) / runs;
    choice.values.forEach((values, run) => {
      if (!values) return;
      const columns = new Set();
      for (let index = inView[run][0]; index <= inView[run][1]; index++) {
        const time = this.data.runs[run].t[index];
        const seen = time >= this.view[0] && time <= this.view[1];
        if (values[index] && seen) columns.add(Math.round(this.x(time)));
      }
      const top = 5 + run * height;
      const marks = [...columns].map(x => `M${x} ${top}V${top + height - 2}`).join('');
      panel.plot.append(svg('path', {class: `mark ${runs > 1 ? `run${run}` : 'drop'}`, d: marks}));
    });
  }

  mark() {
    for (const panel of this.panels) {
      if (!panel.overlay) continue;
      panel.overlay.replaceChildren();
      if (this.selection) {
        const [from, to] = this.selection.map(this.x);
        panel.overlay.append(svg('rect', {class: 'selection', x: from, y: 4, width: to - from, height: panel.bottom - 4}));
      }
      if (this.cursor === null || this.cursor < this.view[0] || this.cursor > this.view[1]) continue;
      const x = this.x(this.cursor), choice = panel.choices[panel.chosen];
      panel.overlay.append(svg('line', {class: 'cursor', x1: x, x2: x, y1: 4, y2: panel.bottom}));
      if (panel.kind === 'marks') continue;
      this.data.runs.forEach((run, index) => {
        const value = this.valueAt(choice, index);
        if (typeof value !== 'number') return;
        const y = panel.y(value) + this.aside(panel, index);
        panel.overlay.append(svg('circle', {class: `dot run${index}`, cx: x, cy: y, r: 4}));
      });
    }
  }
}

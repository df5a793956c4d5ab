// A plot of curves over something other than time, with a figure to choose and values under the pointer.

class Curves {
  // data: {x: {name, unit, log}, choices: [{name, unit, lines: [{run, name, x, y, to, oracle}]}]}
  // A line with `to` is stairs: y holds from x to `to`.
  constructor(host, data) {
    this.host = host;
    this.data = data;
    this.chosen = 0;
    const head = html('div', {class: 'head'}, html('h3', {}, host.dataset.title));
    if (data.choices.length > 1) {
      const select = html('select', {'aria-label': `${host.dataset.title}: which figure`},
        ...data.choices.map((choice, at) => html('option', {value: at}, choice.name)));
      select.addEventListener('change', () => { this.chosen = Number(select.value); this.draw(); });
      head.append(select);
    }
    this.value = html('output');
    head.append(this.value);
    this.legend = html('div', {class: 'legend'});
    this.plot = svg('svg', {class: 'plot', role: 'img'});
    host.prepend(head, this.legend, this.plot);
    this.plot.addEventListener('pointermove', event => this.mark(event));
    this.plot.addEventListener('pointerleave', () => this.mark(null));
    drawn(this.plot, () => this.draw());
  }

  draw() {
    const {plot, data} = this, choice = data.choices[this.chosen];
    const width = plot.clientWidth, height = 300, left = 62, right = width - 14, top = 8, bottom = height - 44;
    const shown = choice.lines.filter(line => line.x.length);
    const xs = shown.flatMap(line => [...line.x, ...(line.to || [])]);
    const ys = shown.flatMap(line => line.y).filter(value => value !== null);
    const low = Math.min(...xs), high = Math.max(...xs);
    this.x = scale(low, high, left, right, data.x.log);
    this.y = scale(0, 1.05 * Math.max(...ys, 0) || 1, bottom, top);
    plot.setAttribute('viewBox', `0 0 ${width} ${height}`);
    plot.style.height = `${height}px`;
    plot.setAttribute('aria-label', `${choice.name} against ${data.x.name}; the numbers are in the table below`);
    plot.replaceChildren(svg('rect', {x: left, y: top, width: right - left, height: bottom - top, fill: 'transparent'}));
    for (const value of data.x.log ? logTicks(low, high) : ticks(low, high, width / 90)) {
      const x = this.x(value);
      plot.append(svg('line', {class: 'grid', x1: x, x2: x, y1: top, y2: bottom}),
        svg('text', {x, y: bottom + 17, 'text-anchor': 'middle'}, format(value)));
    }
    for (const value of ticks(0, this.y.back(top), 5)) {
      plot.append(svg('line', {class: 'grid', x1: left, x2: right, y1: this.y(value), y2: this.y(value)}),
        svg('text', {x: left - 6, y: this.y(value) + 4, 'text-anchor': 'end'}, format(value)));
    }
    const unit = text => text ? ` [${text}]` : '';
    const middle = {'text-anchor': 'middle'};
    plot.append(svg('line', {class: 'frame', x1: left, x2: right, y1: bottom, y2: bottom}),
      svg('text', {...middle, x: (left + right) / 2, y: height - 6}, data.x.name + unit(data.x.unit)),
      svg('text', {...middle, transform: `translate(13 ${(top + bottom) / 2}) rotate(-90)`}, choice.name + unit(choice.unit)));
    if (shown.length === 2 && shown[1].oracle) {
      const forth = linePath(shown[0].x, shown[0].y, this.x, this.y);
      const back = linePath([...shown[1].x].reverse(), [...shown[1].y].reverse(), this.x, this.y);
      plot.append(svg('path', {class: 'area', d: `${forth}L${back.slice(1)}Z`}));
    }
    for (const line of shown) plot.append(svg('path', {class: this.classes(line), d: this.path(line)}));
    if (shown.length > 1) {
      legend(this.legend, shown.map(line => ({name: line.name, classes: this.classes(line)})));
    }
    this.shown = shown;
    this.overlay = svg('g');
    plot.append(this.overlay);
    this.mark(null);
  }

  classes(line) { return `line run${line.run}${line.oracle ? ' oracle' : ''}`; }

  path(line) {
    if (!line.to) return linePath(line.x, line.y, this.x, this.y);
    const xs = [], ys = [];
    line.x.forEach((from, index) => {
      if (index && from !== line.to[index - 1]) { xs.push(from); ys.push(null); }  // nothing was that far
      xs.push(from, line.to[index]);
      ys.push(line.y[index], line.y[index]);
    });
    return linePath(xs, ys, this.x, this.y);
  }

  mark(event) {
    this.overlay.replaceChildren();
    this.value.textContent = '';
    if (!event) return;
    const pixel = event.clientX - this.plot.getBoundingClientRect().left;
    const unit = this.data.choices[this.chosen].unit;
    const said = [];
    this.shown.forEach((line, index) => {
      // of stairs the step under the pointer, of curves the nearest point
      const here = this.x.back(pixel);
      const at = line.to ? Math.min(lower(line.to, here), line.to.length - 1) : nearest(line.x, here);
      const from = line.to ? `${format(line.x[at])} to ` : '';
      if (!index) said.push(from + withUnit((line.to || line.x)[at], this.data.x.unit));
      const x = line.to ? (this.x(line.x[at]) + this.x(line.to[at])) / 2 : this.x(line.x[at]);
      if (line.y[at] !== null) {
        this.overlay.append(svg('circle', {class: `dot run${line.run}`, cx: x, cy: this.y(line.y[at]), r: 4}));
      }
      said.push(withUnit(line.y[at], unit));
    });
    this.value.textContent = said.length ? `${said[0]}: ${said.slice(1).join(' | ')}` : '';
  }
}

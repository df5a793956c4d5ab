'use strict';
// What every plot is drawn with: SVG elements, scales, ticks, thinned lines.

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const dataOf = id => JSON.parse(document.getElementById(id).textContent);

// Four significant digits, never '0.1500' or '1e+3'.
function format(value) {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size >= 1e9 || size < 1e-4) return value.toExponential(2);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(4)));
}

const withUnit = (value, unit) => value === null || value === undefined ? '–' : format(value) + (unit ? ` ${unit}` : '');

// From a range of values to one of pixels.
function scale(low, high, from, to, log = false) {
  const of = log ? Math.log : value => value;
  const start = of(low), length = of(high) - start || 1;
  const place = value => from + (to - from) * (of(value) - start) / length;
  place.back = pixel => {
    const value = start + length * (pixel - from) / (to - from);
    return log ? Math.exp(value) : value;
  };
  return place;
}

// Round values between low and high, about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(factor => factor * power >= rough * (1 - 1e-9));
  const found = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + 1e-9 * step; index++) {
    found.push(Number((index * step).toPrecision(12)));
  }
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of [1, 2, 5]) {
      const value = Number((factor * 10 ** power).toPrecision(12));
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) found.push(value);
    }
  }
  return found;
}

// The first index whose value is not below `value`; values ascend.
function lower(values, value) {
  let first = 0, last = values.length;
  while (first < last) {
    const middle = (first + last) >> 1;
    if (values[middle] < value) first = middle + 1; else last = middle;
  }
  return first;
}

function nearest(values, value) {
  const index = lower(values, value);
  if (index === 0) return 0;
  if (index === values.length) return index - 1;
  return value - values[index - 1] <= values[index] - value ? index - 1 : index;
}

const round = pixel => Math.round(pixel * 10) / 10;

// A path through points first..last. null breaks it, and so does a step in x over `gap`. Where there are more
// points than pixels, a column of pixels gets its first, least, greatest and last value: what sticks out stays.
function linePath(xs, ys, x, y, {first = 0, last = xs.length - 1, gap = Infinity, stepped = false} = {}) {
  const parts = [];
  let down = false;
  const to = (px, value) => {
    const py = round(y(value));
    // a lone point is a line of no length, which round caps make a dot
    parts.push(down ? (stepped ? `H${round(px)}V${py}` : `L${round(px)} ${py}`) : `M${round(px)} ${py}h0`);
    down = true;
  };
  const dense = last - first > 2 * Math.abs(x(xs[last]) - x(xs[first]));
  for (let index = first; index <= last;) {
    if (index > first && xs[index] - xs[index - 1] > gap) down = false;
    if (!dense) {
      if (ys[index] === null) down = false; else to(x(xs[index]), ys[index]);
      index++;
      continue;
    }
    const column = Math.floor(x(xs[index]));
    let open = null, least = null, greatest = null, close = null;
    for (; index <= last && Math.floor(x(xs[index])) === column; index++) {
      const value = ys[index];
      if (value === null) continue;
      if (open === null) open = least = greatest = value;
      if (value < least) least = value;
      if (value > greatest) greatest = value;
      close = value;
    }
    if (open === null) { down = false; continue; }
    for (const value of new Set([open, least, greatest, close])) to(column + 0.5, value);
  }
  return parts.join('');
}

// A sample of every run's line, for where there is more than one.
function legend(host, entries) {
  host.replaceChildren(...entries.map(({name, classes}) => html('span', {}, svg('svg', {'aria-hidden': 'true'},
    svg('line', {class: `line ${classes}`, x1: 1, x2: '99%', y1: 6, y2: 6})), name)));
}

// Draw now, and again when the width of an element changes.
function drawn(element, draw) {
  let width = 0;
  const check = () => {
    const now = element.clientWidth;
    if (now && now !== width) { width = now; draw(); }
  };
  new ResizeObserver(check).observe(element);
  check();
}

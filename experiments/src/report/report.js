'use strict';
// What moves on the page: sorted tables, values under the pointer, zoom, series that come and go. All of it reads what stands on the page;
// nothing is asked of anybody, and without this file everything is there to be read.
(() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const STEPS = 120;
  const ROWS_MAX = 14;

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // Tables: a button in each head sorts by its column, numbers by their plain values.
  const sortable = (table) => {
    const body = table.tBodies[0];
    if (!body || body.rows.length < 2) return;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = make('button', { type: 'button' }, ...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => {
        const up = head.getAttribute('aria-sort') !== 'ascending';
        heads.forEach((other) => other.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
        const key = (row) => {
          const cell = row.cells[column];
          return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
        };
        const order = (a, b) => {
          if (typeof a === 'number' && typeof b === 'number') return a - b;
          // What has no number comes last.
          if (typeof a !== typeof b) return (typeof a === 'number' ? -1 : 1) * (up ? 1 : -1);
          return a.localeCompare(b, 'en', { numeric: true });
        };
        const rows = [...body.rows].map((row) => [key(row), row]);
        rows.sort((a, b) => (up ? 1 : -1) * order(a[0], b[0]));
        body.append(...rows.map((row) => row[1]));
      });
    });
  };

  // The points of a path of absolute M, L, H and V.
  const pointsOf = (d) => {
    const points = [];
    let x = 0;
    let y = 0;
    for (const [, command, text] of d.matchAll(/([MLHV])([^MLHVZ]*)/g)) {
      const numbers = text.trim().split(/[\s,]+/).map(Number);
      if (command === 'H') [x] = numbers;
      else if (command === 'V') [y] = numbers;
      else [x, y] = numbers;
      points.push([x, y]);
    }
    return points;
  };

  const axis = (rect, letter) => {
    const [low, high, scale] = rect.dataset[letter].split(' ');
    const ends = { low: Number(low), high: Number(high), log: scale === 'log' };
    return { ...ends, name: rect.dataset[letter + 'Name'], unit: rect.dataset[letter + 'Unit'] };
  };

  const valueAt = (axis, part) =>
    axis.log ? axis.low * (axis.high / axis.low) ** part : axis.low + (axis.high - axis.low) * part;

  // As many digits as a tenth of a pixel is worth.
  const print = (axis, value, pixels) => {
    const grain = axis.log ? value / 300 : (axis.high - axis.low) / pixels;
    const digits = Math.max(0, Math.min(9, Math.ceil(-Math.log10(Math.max(grain, 1e-9)))));
    return value.toFixed(digits) + (axis.unit ? ' ' + axis.unit : '');
  };

  // The panels of a figure, with the lines of each.
  const panelsOf = (svg) =>
    [...svg.querySelectorAll('rect[data-x]')].map((rect) => {
      const at = (name) => Number(rect.getAttribute(name));
      const [left, top, width, height] = ['x', 'y', 'width', 'height'].map(at);
      const inside = ([x, y]) => x >= left - 1 && x <= left + width + 1 && y >= top - 1 && y <= top + height + 1;
      const lines = [];
      for (const group of svg.querySelectorAll('[data-reads]')) {
        for (const path of group.querySelectorAll('path[fill=none]')) {
          const points = pointsOf(path.getAttribute('d'));
          // Whiskers and crosses are short and have two points; other panels have lines of their own.
          const wide = points.length > 2 || (points.length === 2 && Math.abs(points[1][0] - points[0][0]) > 12);
          if (wide && points.every(inside)) lines.push({ group, color: path.getAttribute('stroke'), points });
        }
      }
      return { left, top, width, height, x: axis(rect, 'x'), y: axis(rect, 'y'), lines };
    });

  // The height of a line at a place; nothing where it is not.
  const heightAt = (points, x) => {
    let low = 0;
    let high = points.length - 1;
    if (x < points[0][0] - 0.5 || x > points[high][0] + 0.5) return undefined;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (points[middle][0] <= x) low = middle;
      else high = middle;
    }
    const [[x0, y0], [x1, y1]] = [points[low], points[high]];
    return x1 === x0 ? y1 : y0 + ((y1 - y0) * Math.min(1, Math.max(0, (x - x0) / (x1 - x0))));
  };

  const figure = (box) => {
    const svg = box.querySelector('svg');
    const home = svg.viewBox.baseVal;
    const whole = [home.x, home.y, home.width, home.height];
    const panels = panelsOf(svg);
    const legend = [...svg.querySelectorAll('[data-legend]')].filter((entry) =>
      svg.querySelector(`[data-series="${CSS.escape(entry.dataset.legend)}"]`));
    // The browser's own tooltips would stand in the way; the box has the title as its name.
    svg.querySelectorAll(':scope > title').forEach((title) => title.remove());
    // Parts that have more to say: its lines, and a wider stroke that a pointer finds.
    const notes = [...svg.querySelectorAll('[data-note]')].map((group) => {
      const title = group.querySelector('title');
      const lines = title.textContent.split('\n');
      title.remove();
      const stroke = group.querySelector('path[fill=none]');
      if (stroke) {
        const wide = stroke.cloneNode();
        wide.setAttribute('stroke', 'transparent');
        wide.setAttribute('stroke-width', 12);
        wide.removeAttribute('stroke-dasharray');
        group.prepend(wide);
      }
      return { group, lines, stroke };
    });
    let view = whole;

    const show = (next) => {
      const width = Math.min(whole[2], Math.max(whole[2] / 40, next[2]));
      const height = (width * whole[3]) / whole[2];
      const keep = (at, size, from, all) => Math.min(from + all - size, Math.max(from, at));
      view = [keep(next[0], width, whole[0], whole[2]), keep(next[1], height, whole[1], whole[3]), width, height];
      svg.setAttribute('viewBox', view.map((n) => Math.round(n * 100) / 100).join(' '));
      svg.classList.toggle('zoomed', width < whole[2]);
      out.disabled = width >= whole[2];
      hide();
    };
    const zoom = (factor, centre) => {
      const [x, y] = centre || [view[0] + view[2] / 2, view[1] + view[3] / 2];
      const width = view[2] * factor;
      const height = view[3] * factor;
      show([x - ((x - view[0]) * width) / view[2], y - ((y - view[1]) * height) / view[3], width, height]);
    };

    // Series: the legend switches them, with Shift all others.
    const isOff = (entry) => entry.classList.contains('off');
    const set = (entry, off) => {
      entry.classList.toggle('off', off);
      entry.setAttribute('aria-pressed', String(!off));
      svg.querySelectorAll(`[data-series="${CSS.escape(entry.dataset.legend)}"]`).forEach((series) => series.classList.toggle('off', off));
    };
    const toggle = (entry, alone) => {
      if (alone) {
        const already = legend.every((other) => isOff(other) === (other !== entry));
        legend.forEach((other) => set(other, !already && other !== entry));
      } else {
        set(entry, !isOff(entry));
      }
      hide();
    };
    if (legend.length > 1) {
      legend.forEach((entry) => {
        entry.setAttribute('role', 'button');
        entry.setAttribute('tabindex', '0');
        entry.setAttribute('aria-pressed', 'true');
        entry.setAttribute('aria-label', `${entry.dataset.name}, shown`);
        const bounds = entry.getBBox();
        const area = document.createElementNS(SVG, 'rect');
        for (const [name, value] of [['x', bounds.x], ['y', bounds.y - 3], ['width', bounds.width + 6], ['height', bounds.height + 6]]) {
          area.setAttribute(name, value);
        }
        area.setAttribute('fill', 'transparent');
        entry.prepend(area);
        entry.addEventListener('click', (event) => toggle(entry, event.shiftKey));
        entry.addEventListener('keydown', (event) => {
          if (event.key !== 'Enter' && event.key !== ' ') return;
          event.preventDefault();
          toggle(entry, event.shiftKey);
        });
      });
    }

    // Values: a line at the place, a dot on each series, a box that says them.
    const mark = document.createElementNS(SVG, 'g');
    mark.setAttribute('pointer-events', 'none');
    svg.append(mark);
    const readout = make('div', { className: 'readout', hidden: true });
    readout.setAttribute('role', 'status');
    box.append(readout);
    const hide = () => {
      mark.replaceChildren();
      readout.hidden = true;
    };
    const shape = (tag, attributes) => {
      const element = document.createElementNS(SVG, tag);
      Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
      mark.append(element);
    };
    const place = (point) => new DOMPoint(point[0], point[1]).matrixTransform(svg.getScreenCTM());
    // Beside a point, where there is room for it.
    const put = (rows, point, kind) => {
      readout.className = `readout ${kind}`;
      readout.replaceChildren(...rows);
      readout.hidden = false;
      const frame = box.getBoundingClientRect();
      const at = place(point);
      const right = at.x - frame.left + 14;
      const wide = readout.offsetWidth;
      readout.style.left = `${Math.max(0, right + wide > frame.width ? at.x - frame.left - 14 - wide : right)}px`;
      readout.style.top = `${Math.max(0, Math.min(at.y - frame.top, frame.height - readout.offsetHeight - 4))}px`;
    };
    const tell = ({ group, lines, stroke }, point) => {
      hide();
      const { x, y, width, height } = group.getBBox();
      if (stroke) shape('path', { d: stroke.getAttribute('d'), fill: 'none', stroke: '#0072b2', 'stroke-opacity': 0.3, 'stroke-width': 9 });
      else shape('rect', { x: x - 3, y: y - 3, width: width + 6, height: height + 6, fill: 'none', stroke: '#606060', 'stroke-dasharray': '4 3' });
      const rows = lines.map((line, at) => make('div', {}, at ? line : make('b', { textContent: line })));
      put(rows, point || [x + width / 2, y + height / 2], 'note');
    };
    const read = (panel, x, near) => {
      const part = (x - panel.left) / panel.width;
      const seen = new Map();
      for (const { group, color, points } of panel.lines) {
        const y = group.classList.contains('off') ? undefined : heightAt(points, x);
        if (y !== undefined) seen.set(group.dataset.series, { name: group.dataset.name, color, y });
      }
      hide();
      shape('line', { x1: x, x2: x, y1: panel.top, y2: panel.top + panel.height, stroke: '#606060', 'stroke-dasharray': '4 3' });
      const rows = [make('div', {}, make('b', { textContent: print(panel.x, valueAt(panel.x, part), panel.width) }))];
      // Of very many series those that are nearest to the pointer.
      let all = [...seen.values()].sort((a, b) => a.y - b.y);
      const more = all.length - ROWS_MAX;
      if (more > 0 && near !== undefined) {
        all = all.sort((a, b) => Math.abs(a.y - near) - Math.abs(b.y - near)).slice(0, ROWS_MAX).sort((a, b) => a.y - b.y);
      }
      for (const { name, color, y } of all.slice(0, ROWS_MAX)) {
        shape('circle', { cx: x, cy: y, r: 4.5, fill: color, stroke: '#fff', 'stroke-width': 1.5 });
        const swatch = make('i');
        swatch.style.background = color;
        const value = valueAt(panel.y, 1 - (y - panel.top) / panel.height);
        rows.push(make('div', {}, swatch, `${name}: `, make('b', { textContent: print(panel.y, value, panel.height) })));
      }
      if (more > 0) rows.push(make('div', { textContent: `and ${more} more` }));
      put(rows, [x, near === undefined ? panel.top : near], 'values');
    };
    const pointOf = (event) => {
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [x, y];
    };
    const under = ([x, y]) =>
      panels.find((p) => p.lines.length && x >= p.left && x <= p.left + p.width && y >= p.top && y <= p.top + p.height);

    // A mouse draws a box to zoom into; fingers scroll.
    let drag;
    svg.addEventListener('pointerdown', (event) => {
      if (event.pointerType !== 'mouse' || event.button !== 0 || event.target.closest('[data-legend]')) return;
      drag = { from: pointOf(event), to: undefined };
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener('pointermove', (event) => {
      const at = pointOf(event);
      if (drag && Math.hypot(at[0] - drag.from[0], at[1] - drag.from[1]) > (8 * view[2]) / whole[2]) {
        drag.to = at;
        hide();
        const [x, y] = [0, 1].map((n) => Math.min(drag.from[n], at[n]));
        const [width, height] = [0, 1].map((n) => Math.abs(drag.from[n] - at[n]));
        shape('rect', { x, y, width, height, fill: '#0072b2', 'fill-opacity': 0.12, stroke: '#0072b2' });
        return;
      }
      const note = notes.find(({ group }) => group.contains(event.target));
      const panel = under(at);
      if (note) tell(note, at);
      else if (panel) read(panel, at[0], at[1]);
      else hide();
    });
    const release = (event) => {
      const { from, to } = drag || {};
      drag = undefined;
      if (!to || event.type !== 'pointerup') return hide();
      const width = Math.max(Math.abs(from[0] - to[0]), (Math.abs(from[1] - to[1]) * whole[2]) / whole[3]);
      show([(from[0] + to[0] - width) / 2, (from[1] + to[1] - (width * whole[3]) / whole[2]) / 2, width, 0]);
    };
    ['pointerup', 'pointercancel'].forEach((name) => svg.addEventListener(name, release));
    svg.addEventListener('pointerleave', () => { if (!drag) hide(); });
    svg.addEventListener('dblclick', () => show(whole));

    // Keys, on the box: arrows move the place that is read, Shift and arrows what is seen of a figure that is zoomed into.
    const frame = box.closest('.plot');
    let step = 0;
    let noted = -1;
    frame.addEventListener('keydown', (event) => {
      if (event.target !== frame || event.ctrlKey || event.metaKey || event.altKey) return;
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      const panel = panels.find((p) => p.lines.length);
      if (event.key === '+') zoom(0.7);
      else if (event.key === '-') zoom(1 / 0.7);
      else if (event.key === '0') show(whole);
      else if (event.key === 'Escape') hide();
      else if (way && event.shiftKey) show([view[0] + (way[0] * view[2]) / 10, view[1] + (way[1] * view[3]) / 10, view[2], view[3]]);
      else if (way && way[0] && panel) {
        step = Math.min(STEPS, Math.max(0, step + way[0]));
        read(panel, panel.left + (panel.width * step) / STEPS);
      } else if (way && notes.length) {
        noted = Math.min(notes.length - 1, Math.max(0, noted + way[0] + way[1]));
        tell(notes[noted]);
      } else return;
      event.preventDefault();
    });
    frame.addEventListener('blur', hide);

    const button = (text, label, act) => {
      const made = make('button', { type: 'button', textContent: text, title: label });
      made.setAttribute('aria-label', label);
      made.addEventListener('click', act);
      return made;
    };
    const out = button('−', 'Zoom out', () => zoom(1 / 0.7));
    out.disabled = true;
    const tools = make('div', { className: 'tools' }, button('+', 'Zoom in', () => zoom(0.7)), out,
      button('Reset', 'Show the whole figure and all series', () => {
        show(whole);
        legend.forEach((entry) => set(entry, false));
      }));
    const hints = ['drag to zoom'];
    if (panels.some((panel) => panel.lines.length)) hints.unshift('hover or arrow keys for values');
    else if (notes.length) hints.unshift('hover or arrow keys for what each part is');
    if (legend.length > 1) hints.push('click the legend to hide a series, Shift and click to see it alone');
    tools.append(make('span', { textContent: hints.join('; ') }));
    frame.before(tools);
    // What can be pressed inside must be reachable; the box keeps the figure's words as its name.
    if (legend.length > 1) box.setAttribute('role', 'group');
  };

  document.querySelectorAll('table').forEach(sortable);
  document.querySelectorAll('.svg').forEach(figure);
  // Paper has nothing to unfold.
  let folded = [];
  window.addEventListener('beforeprint', () => {
    folded = [...document.querySelectorAll('details:not([open])')];
    folded.forEach((details) => { details.open = true; });
  });
  window.addEventListener('afterprint', () => folded.forEach((details) => { details.open = false; }));
})();

// Put behind a report by tests/report_browser.sh, run in a real browser: what it finds becomes the text of #probe, a line for each fault.
addEventListener('load', () => {
  const faults = [];
  const expect = (holds, words) => { if (!holds) faults.push(words); };
  const root = document.documentElement;

  // Nothing is wider than the window but what scrolls in its own box.
  expect(root.scrollWidth <= root.clientWidth, `the page is ${root.scrollWidth} px wide in a window of ${root.clientWidth}`);
  document.querySelectorAll('details').forEach((details) => { details.open = true; });
  expect(root.scrollWidth <= root.clientWidth, `unfolded, the page is ${root.scrollWidth} px wide in a window of ${root.clientWidth}`);

  // Every text stands out from what it stands on: 4.5 to 1, or 3 to 1 where it is large (WCAG 2.1, 1.4.3).
  const channels = (color) => (color.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color[3] !== 0) return color;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    // Figures have colours of their own, on white.
    if (!walker.currentNode.data.trim() || seen.has(element) || element.closest('.svg, script, style, title, button:disabled')) continue;
    seen.add(element);
    const style = getComputedStyle(element);
    const ink = element.closest('svg') ? style.fill : style.color;
    const [a, b] = [luminance(channels(ink)), luminance(behind(element))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24;
    const ratio = (a + 0.05) / (b + 0.05);
    expect(ratio >= (large ? 3 : 4.5), `“${walker.currentNode.data.trim().slice(0, 30)}” has a contrast of ${ratio.toFixed(2)}`);
  }

  // Headings go down by one at a time, and everything that scrolls, or is a picture, says what it is.
  let level = 0;
  document.querySelectorAll('h1, h2, h3, h4').forEach((heading) => {
    const own = Number(heading.tagName[1]);
    expect(own <= level + 1, `<${heading.tagName}> stands below <H${level}>`);
    level = own;
  });
  document.querySelectorAll('.scroll[role], .svg, img, svg[role]').forEach((box) => {
    expect(box.getAttribute('aria-label') || box.alt, `${box.outerHTML.slice(0, 60)} says nothing`);
  });
  document.querySelectorAll('a[href^="#"]').forEach((link) => {
    expect(document.getElementById(link.hash.slice(1)), `${link.hash} leads nowhere`);
  });
  expect(document.querySelectorAll('script[src], link[href^="http"], img[src^="http"], iframe').length === 0, 'something is fetched');
  expect(performance.getEntriesByType('resource').filter((entry) => !entry.name.startsWith('data:')).length === 0, 'a request was made');

  // The script has done its work: tables sort, values are read, legends switch, figures zoom.
  const tables = [...document.querySelectorAll('table')].filter((table) => table.tBodies[0].rows.length > 1);
  tables.forEach((table) => {
    const numbers = [...table.tBodies[0].rows[0].cells].findIndex((cell) => cell.dataset.value !== undefined);
    if (numbers < 0) return;
    table.tHead.rows[0].cells[numbers].querySelector('button').click();
    const values = [...table.tBodies[0].rows].map((row) => row.cells[numbers].dataset.value).filter((value) => value !== undefined).map(Number);
    expect(values.every((value, n) => n === 0 || values[n - 1] <= value), `${table.caption.textContent} is not sorted: ${values.slice(0, 5)}`);
  });
  document.querySelectorAll('.svg').forEach((box) => {
    const svg = box.querySelector('svg');
    const title = box.getAttribute('aria-label').slice(0, 40);
    const tools = box.closest('figure').querySelector('.tools');
    expect(tools, `${title}: there are no buttons`);
    const reads = svg.querySelector('[data-reads] path') && svg.querySelector('rect[data-x]');
    if (reads) {
      const area = svg.querySelector('rect[data-x]').getBoundingClientRect();
      const event = { clientX: area.left + area.width / 2, clientY: area.top + area.height / 2, bubbles: true, pointerType: 'mouse' };
      svg.dispatchEvent(new PointerEvent('pointermove', event));
      const readout = box.querySelector('.readout');
      expect(!readout.hidden && /\d/.test(readout.textContent), `${title}: no value is read`);
      expect(root.scrollWidth <= root.clientWidth, `${title}: what is read makes the page wider`);
      const text = readout.textContent;
      svg.dispatchEvent(new PointerEvent('pointerleave', event));
      expect(readout.hidden, `${title}: the value stays`);
      window.read = (window.read || []).concat(`${title}: ${text}`);
      const frame = box.closest('.plot');
      for (let n = 0; n < 30; n += 1) frame.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
      expect(!readout.hidden, `${title}: keys read nothing`);
      frame.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
    }
    const note = !reads && svg.querySelector('[data-note] path');
    if (note) {
      const [frame, readout] = [box.closest('.plot'), box.querySelector('.readout')];
      note.dispatchEvent(new PointerEvent('pointermove', { bubbles: true, pointerType: 'mouse', clientX: 9, clientY: 9 }));
      expect(!readout.hidden && readout.children.length > 1, `${title}: an arrow says nothing`);
      expect(root.scrollWidth <= root.clientWidth, `${title}: what an arrow says makes the page wider`);
      const first = readout.textContent;
      for (let n = 0; n < 3; n += 1) frame.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown' }));
      expect(!readout.hidden && readout.textContent !== first, `${title}: keys do not lead from part to part`);
      window.read = (window.read || []).concat(`${title}: ${readout.textContent}`);
      frame.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
    }
    const entry = svg.querySelector('[data-legend][role=button]');
    if (entry) {
      const series = svg.querySelector(`[data-series="${entry.dataset.legend}"]`);
      entry.dispatchEvent(new MouseEvent('click', { bubbles: true }));
      expect(getComputedStyle(series).display === 'none' && entry.getAttribute('aria-pressed') === 'false', `${title}: the series stays`);
      entry.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
      expect(getComputedStyle(series).display !== 'none', `${title}: the series does not come back`);
    }
    const before = svg.getAttribute('viewBox');
    tools.querySelector('button').click();
    expect(svg.viewBox.baseVal.width < Number(before.split(' ')[2]), `${title}: it does not zoom`);
    tools.querySelectorAll('button')[2].click();
    expect(svg.getAttribute('viewBox') === before, `${title}: it does not zoom back: ${svg.getAttribute('viewBox')}, ${before}`);
  });
  const report = document.createElement('pre');
  report.id = 'probe';
  report.textContent = [`faults: ${faults.length}`, `window: ${innerWidth}`, ...faults, ...(window.read || [])].join('\n');
  document.body.replaceChildren(report);
});

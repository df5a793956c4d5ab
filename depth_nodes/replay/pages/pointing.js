// What pointers and keys do to `TimePlots`: point at a frame, drag over what to zoom into.

function listenTo(plots) {
  let from = null;
  const at = event => {
    const box = plots.panels[0].plot.getBoundingClientRect();
    return Math.min(Math.max(plots.x.back(event.clientX - box.left), plots.view[0]), plots.view[1]);
  };
  const inPlot = event => event.target.closest('.plot');
  plots.box.addEventListener('pointerdown', event => {
    if (!inPlot(event) || event.button) return;
    from = at(event);
    plots.box.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  plots.box.addEventListener('pointermove', event => {
    if (from === null && !inPlot(event)) return;
    plots.selection = from === null ? null : [from, at(event)].sort((a, b) => a - b);
    plots.toTime(at(event));
  });
  const end = zoomed => () => {
    const selected = plots.selection;
    from = plots.selection = null;
    if (zoomed && selected && plots.x(selected[1]) - plots.x(selected[0]) > 8) plots.show(...selected);
    else plots.mark();
  };
  plots.box.addEventListener('pointerup', end(true));
  plots.box.addEventListener('pointercancel', end(false));
  // captured pointers send it to the box, not to the plot
  plots.box.addEventListener('dblclick', event => { if (!event.target.closest('.head')) plots.zoom(Infinity); });
  plots.host.addEventListener('keydown', event => {
    if (event.target.tagName === 'SELECT') return;
    if (event.key === '+' || event.key === '=') plots.zoom(0.5);
    else if (event.key === '-') plots.zoom(2);
    else if (event.key === 'Escape') plots.zoom(Infinity);
  });
}

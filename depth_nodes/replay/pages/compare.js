// Brings the comparison to life.

const plots = new TimePlots(document.getElementById('plots'), dataOf('time-data'));
for (const id of ['distance', 'sparsification']) {
  const host = document.getElementById(id);
  if (host) new Curves(host, dataOf(`${id}-data`));
}
document.documentElement.dataset.ready = 'yes';
performance.mark('ready');

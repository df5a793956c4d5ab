// Brings the report to life: every part that is there.

const plots = new TimePlots(document.getElementById('plots'), dataOf('time-data'));
for (const id of ['distance', 'sparsification']) {
  const host = document.getElementById(id);
  if (host) new Curves(host, dataOf(`${id}-data`));
}

for (const button of document.querySelectorAll('button.show')) {
  button.addEventListener('click', () => {
    plots.toStamp(button.dataset.stamp);
    document.getElementById('over-time').scrollIntoView();
    document.getElementById('frame').focus({preventScroll: true});
  });
}
const enlarged = document.getElementById('enlarged');
for (const button of document.querySelectorAll('button.enlarge')) {
  button.addEventListener('click', () => {
    const [small, large] = [button.querySelector('img'), enlarged.querySelector('img')];
    [large.src, large.alt] = [small.src, small.alt];
    enlarged.showModal();
  });
}

const canvas = document.querySelector('.cloud canvas');
if (canvas) {
  const {count, points} = dataOf('cloud-data');
  new Cloud(canvas, count, points);
}
document.documentElement.dataset.ready = 'yes';
performance.mark('ready');

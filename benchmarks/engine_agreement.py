"""
How far the engines are from eager torch: `python -m benchmarks.engine_agreement --data DIR [--json FILE]`.

Differences of disparity [px] over all pixels of a data set's pairs, of both shipped networks: the mean
and the 99.9th percentile, at every stage; and how much they move end-point error and bad-2 of stage 4.
"""

import json

import numpy as np
from tqdm import tqdm

from benchmarks.real_pairs import asked
from benchmarks.timing import machine
from depth_models.estimators.stereo import StereoMatcher, load_network
from depth_models.evaluation import metrics
from depth_models.evaluation.stereo import WEIGHTS
from depth_models.networks.stereo_networks import STAGES

REFERENCE = ('torch', 'fp32')
OTHERS = (('openvino', 'fp32'), ('onnxruntime', 'fp32'), ('openvino', 'bf16'), ('torch', 'bf16'))


def main() -> None:
    dataset, searched, file = asked(__doc__)
    figures: dict[str, dict[str, list[float]]] = {}
    for weights in WEIGHTS:
        network = load_network(weights)
        matchers = {}
        for engine, precision in (REFERENCE, *OTHERS):
            try:
                matchers[engine, precision] = StereoMatcher(
                    network, engine=engine, precision=precision, device='cpu', max_disparity=searched)
            except ValueError as error:
                print(f'left out: {error}')
        found: dict[str, list[list[float]]] = {}
        for sample in tqdm(dataset, desc=weights, unit='pair', disable=None, leave=False):
            answers = {name: [matcher.compute(sample.left, sample.right, stage=stage).disparity
                              for stage in range(1, STAGES + 1)] for name, matcher in matchers.items()}
            judged = {'target': sample.disparity, 'valid': np.isfinite(sample.disparity)}
            errors = {name: (metrics.epe(estimate=answer[-1], **judged),
                             100 * metrics.bad(estimate=answer[-1], **judged, threshold=2.0))
                      for name, answer in answers.items()}
            for name in matchers.keys() - {REFERENCE}:
                far = [np.abs(a - b) for a, b in zip(answers[name], answers[REFERENCE], strict=True)]
                found.setdefault(f'{weights}, {name[0]}, {name[1]}', []).append([
                    *(float(d.mean()) for d in far), *(float(np.quantile(d, 0.999)) for d in far),
                    *np.subtract(errors[name], errors[REFERENCE])])
        for title, rows in sorted(found.items()):
            *far, epe, bad2 = np.mean(rows, axis=0).tolist()
            figures[title] = {'mean': far[:STAGES], 'quantile999': far[STAGES:], 'epe': [epe], 'bad2': [bad2]}
            print(f'{title:32} mean ' + ' '.join(f'{v:.5f}' for v in far[:STAGES]) + '  99.9 % '
                  + ' '.join(f'{v:.4f}' for v in far[STAGES:])
                  + f'  EPE {epe:+.4f} px, bad-2 {bad2:+.3f} %', flush=True)
    if file:
        file.write_text(json.dumps({'machine': machine(), 'px': figures}, indent=1) + '\n')


if __name__ == '__main__':
    main()

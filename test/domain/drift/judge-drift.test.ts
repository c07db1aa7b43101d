import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../../contracts/errors.js';
import {
  judgeDrift,
  type DriftScore,
  type DriftWindow,
} from '../../../domain/drift/judge-drift.js';
import { createWorld } from '../../../domain/traffic/generator-world.js';
import { flowsOf, windowsOf } from '../../builders/generated-window.js';

/** Whether a statistic of the features drifted; names alone start no retraining. */
const callsForRetraining = (scores: readonly DriftScore[]): boolean =>
  scores.some(({ statistic, verdict }) => statistic !== 'sni_kl' && verdict === 'drifted');

const SEEDS = [7, 11, 23, 31, 42];
const policy = { resamples: 60 };

describe('at the size of the demo (40 apps, 4,000 flows a week)', () => {
  test.each(SEEDS)('seed %i: natural change is stable, a changed exporter is drift', (seed) => {
    const world = createWorld({ seed, apps: 40, events: ['exporter@2022-W26'] });
    const known = flowsOf(world, ['2022-W22', '2022-W23'], 4000);
    const judge = (week: string): DriftScore[] =>
      judgeDrift({ ...windowsOf(known, flowsOf(world, [week], 4000)), policy });

    const before = judge('2022-W25');
    expect(callsForRetraining(before)).toBe(false);

    const changed = judge('2022-W26');
    expect(verdictOf(changed, 'ppi_severity')).toBe('drifted');
    expect(callsForRetraining(changed)).toBe(true);
    expect(changed[1]!.value).toBeGreaterThan(1.3 * changed[1]!.threshold!); // judged, so it has one
  });

  test.each(SEEDS)('seed %i: two weeks after the change are alike', (seed) => {
    const world = createWorld({ seed, apps: 40, events: ['exporter@2022-W26'] });
    const windows = windowsOf(
      flowsOf(world, ['2022-W26'], 4000),
      flowsOf(world, ['2022-W27'], 4000),
    );
    expect(callsForRetraining(judgeDrift({ ...windows, policy }))).toBe(false);
  });
});

test('without any change few of a dozen worlds raise an alarm', () => {
  let alarms = 0;
  for (let seed = 500; seed < 512; seed++) {
    const world = createWorld({ seed, apps: 40, weeklyDrift: false });
    const windows = windowsOf(
      flowsOf(world, ['2022-W22', '2022-W23'], 1000),
      flowsOf(world, ['2022-W24'], 1000),
    );
    const scores = judgeDrift({ ...windows, policy });
    if (scores.some((score) => score.verdict === 'drifted')) alarms++;
  }
  expect(alarms).toBeLessThanOrEqual(1);
});

test('a renamed service is a notice, and calls for no retraining', () => {
  const world = createWorld({ seed: 7, apps: 40, weeklyDrift: false });
  const { reference, current } = windowsOf(
    flowsOf(world, ['2022-W22'], 2000),
    flowsOf(world, ['2022-W23'], 2000),
  );
  const renamed = current.sniDomains.map((name, i) => (i % 2 === 0 ? 'renamed.example' : name));
  const scores = judgeDrift({ reference, current: { ...current, sniDomains: renamed }, policy });
  expect(verdictOf(scores, 'sni_kl')).toBe('drifted');
  expect(scores[0]!.top[0]!.feature).toBe('__other__'); // sni_kl is the first score and has terms
  expect(callsForRetraining(scores)).toBe(false);
});

test('fewer than 200 flows on a side are not judged, but measured', () => {
  const scores = judgeDrift({ reference: aWindow(500), current: aWindow(199) });
  expect(scores.map((score) => score.verdict)).toEqual(new Array(4).fill('not_judged'));
  expect(scores.every((score) => score.threshold === null && Number.isFinite(score.value))).toBe(
    true,
  );
});

test('the threshold falls with the size of the windows', () => {
  const floors = { sni_kl: 0, ppi_severity: 0, size_severity: 0, histogram_severity: 0 };
  const thresholdAt = (n: number): number => {
    const scores = judgeDrift({
      reference: aWindow(n),
      current: aWindow(n),
      policy: { ...policy, floors },
    });
    return scores[1]!.threshold!; // judged, so it has one
  };
  expect(thresholdAt(4000)).toBeLessThan(0.6 * thresholdAt(400));
});

test('importances of the model decide what counts', () => {
  const reference = aWindow(2000);
  const current = aWindow(2000);
  current.binned.fill(0); // both features move to one bin
  const onSizes = judgeDrift({
    reference: { ...reference, weights: Float64Array.of(1, 0) },
    current,
    policy,
  });
  expect(onSizes[1]!.value).toBeCloseTo(onSizes[2]!.value, 12); // ppi_severity is size_severity then
});

test('the same windows give the same scores', () => {
  const options = { reference: aWindow(600), current: aWindow(300), policy };
  expect(judgeDrift(options)).toEqual(judgeDrift(options));
});

test('a code past the bins of the reference is refused with its row and feature', () => {
  const current = aWindow(300);
  current.binned[2 * 5 + 1] = 9;
  const fault = faultOf(() => judgeDrift({ reference: aWindow(300), current }));
  expect(fault).toMatchObject({ code: 'DRIFT_SHAPE', row: 6, column: 'DIR_1', found: 'code 9' });
});

test('20,000 flows are judged by 200 resamples within seconds', () => {
  const world = createWorld({ seed: 7, apps: 180 });
  const windows = windowsOf(
    flowsOf(world, ['2022-W22'], 20_000),
    flowsOf(world, ['2022-W23'], 20_000),
  );
  const start = performance.now();
  judgeDrift(windows);
  expect(performance.now() - start).toBeLessThan(8000); // about 1 s on an idle core
}, 30_000);

/** n flows over two features, in 48 hour blocks; always the same ones. */
function aWindow(n: number): DriftWindow {
  const binned = new Uint8Array(2 * n);
  for (let i = 0; i < n; i++) {
    binned[2 * i] = Math.floor(i * 7.31) % 8;
    binned[2 * i + 1] = i % 3;
  }
  return {
    n,
    blocks: Int32Array.from({ length: n }, (_, i) => Math.floor((48 * i) / n)),
    binned,
    names: ['SIZE_1', 'DIR_1'],
    bins: [8, 3],
    sniDomains: Array.from({ length: n }, (_, i) => `d${i % 10}.example`),
  };
}

function verdictOf(scores: readonly DriftScore[], statistic: string): string | undefined {
  return scores.find((score) => score.statistic === statistic)?.verdict;
}

function faultOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    if (error instanceof PipelineError) return error.fault;
    throw error;
  }
  throw new Error('nothing was thrown');
}

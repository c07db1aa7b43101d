import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Adwin, type AdwinOptions, type AdwinState } from '../../../domain/drift/adwin.js';
import { seededRandom } from '../../../contracts/seeded-random.js';

interface Run {
  drifts: number[];
  /** Places where the width did not grow by one, with the width. */
  widths: [number, number][];
  end: { width: number; total: number; mean: number; variance: number };
}
interface RiverOptions {
  delta?: number;
  clock?: number;
  max_buckets?: number;
  min_window_length?: number;
  grace_period?: number;
}
interface Golden {
  tolerance: number;
  documented: Run & { values: string };
  settings: RiverOptions[];
  streams: { values: string; scale: number; runs: Run[] }[];
}
const golden = JSON.parse(
  readFileSync(new URL('../../golden/adwin.json', import.meta.url), 'utf8'),
) as Golden; // written by adwin.py

describe('ADWIN agrees with river', () => {
  test('on the documented stream', () => {
    const { values, ...want } = golden.documented;
    expect(want.drifts).toEqual([1023]);
    expect(want.end).toMatchObject({ width: 976, total: 5336, variance: 1202.9508196721304 });
    expectRun([...values].map(Number), {}, want);
  });

  test.each(golden.streams.map((stream, index) => ({ index, ...stream })))(
    'on stream $index under all settings, flag for flag and width for width',
    ({ values, scale, runs }) => {
      const stream = Array.from(int16(values), (value) => value / scale);
      expect(stream).toHaveLength(3000);
      runs.forEach((want, i) => expectRun(stream, camelCase(golden.settings[i] ?? {}), want));
    },
  );
});

test('a detector that goes on from its state, as JSON, gives the same flags to the same bits', () => {
  const options = fc.record({
    delta: fc.constantFrom(0.002, 0.3),
    clock: fc.integer({ min: 1, max: 40 }),
    maxBuckets: fc.integer({ min: 2, max: 9 }),
  });
  fc.assert(
    fc.property(options, fc.nat(1500), fc.nat(), (chosen, cut, seed) => {
      const random = seededRandom(seed);
      const values = Array.from({ length: 2000 }, (_, i) => random.uniform() + (i > 900 ? 0.5 : 0));
      const whole = new Adwin(chosen);
      let parts = new Adwin(chosen);
      values.forEach((value, i) => {
        if (i === cut) {
          parts = Adwin.fromState(JSON.parse(JSON.stringify(parts.toState())) as AdwinState); // what was just written
        }
        expect(parts.update(value)).toBe(whole.update(value));
      });
      expect(parts.toState()).toEqual(whole.toState());
    }),
    { numRuns: 30 },
  );
});

test('the window holds the newest values: its sum and mean are theirs', () => {
  const adwin = new Adwin({ delta: 0.05 });
  const random = seededRandom('window');
  const seen: number[] = [];
  for (let i = 0; i < 5000; i++) {
    if (adwin.driftDetected) seen.length = 0; // the window starts anew
    const value = random.below(10) + (i % 1000 < 500 ? 0 : 4);
    seen.push(value);
    adwin.update(value);
    const held = seen.slice(-adwin.width);
    expect(adwin.total).toBe(held.reduce((sum, x) => sum + x, 0));
    expect(adwin.mean).toBeCloseTo(adwin.total / held.length, 12);
  }
});

test('a stream without change raises no alarm in 200,000 values', () => {
  const adwin = new Adwin();
  const random = seededRandom(3);
  let drifts = 0;
  for (let i = 0; i < 200_000; i++) if (adwin.update(random.uniform() < 0.06 ? 1 : 0)) drifts++;
  expect(drifts).toBe(0);
});

test.each([
  [{ delta: 0 }, /delta 0, expected/],
  [{ clock: 0 }, /clock 0/],
  [{ maxBuckets: 1 }, /maxBuckets 1/],
  [{ minWindowLength: 0, gracePeriod: 0.5 }, /minWindowLength 0.*gracePeriod 0.5/],
])('options outside their range are refused: %j', (options, message) => {
  expect(() => new Adwin(options)).toThrow(message);
});

test('a value that is not finite is refused, and the window stays as it was', () => {
  const adwin = new Adwin();
  adwin.update(1);
  expect(() => adwin.update(NaN)).toThrow(/DRIFT_INPUT/);
  expect(() => adwin.update(Infinity)).toThrow(/DRIFT_INPUT/);
  expect(adwin.width).toBe(1);
});

test('a state whose rows do not hold its window is refused', () => {
  const state = new Adwin().toState();
  expect(() => Adwin.fromState({ ...state, width: 3 })).toThrow(/DRIFT_INPUT/);
  expect(() => Adwin.fromState({ ...state, rows: [] })).toThrow(/DRIFT_INPUT/);
  const holed = { ...state, width: 1, rows: [[1, 0], []] };
  expect(() => Adwin.fromState(holed)).toThrow(/DRIFT_INPUT/);
});

function expectRun(stream: readonly number[], options: AdwinOptions, want: Run): void {
  const adwin = new Adwin(options);
  const drifts: number[] = [];
  const widths: [number, number][] = [];
  let before = 0;
  stream.forEach((value, i) => {
    if (adwin.update(value)) drifts.push(i);
    if (adwin.width !== before + 1) widths.push([i, adwin.width]);
    before = adwin.width;
  });
  expect({ drifts, widths }).toEqual({ drifts: want.drifts, widths: want.widths });
  for (const name of ['width', 'total', 'mean', 'variance'] as const) {
    const difference = Math.abs(adwin[name] - want.end[name]);
    const found = `${name}: got ${adwin[name]}, want ${want.end[name]}`;
    expect(difference, found).toBeLessThanOrEqual(golden.tolerance * Math.max(1, want.end[name]));
  }
}

function int16(base64: string): Int16Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return new Int16Array(bytes.buffer);
}

function camelCase(of: RiverOptions): AdwinOptions {
  return {
    ...(of.delta !== undefined && { delta: of.delta }),
    ...(of.clock !== undefined && { clock: of.clock }),
    ...(of.max_buckets !== undefined && { maxBuckets: of.max_buckets }),
    ...(of.min_window_length !== undefined && { minWindowLength: of.min_window_length }),
    ...(of.grace_period !== undefined && { gracePeriod: of.grace_period }),
  };
}

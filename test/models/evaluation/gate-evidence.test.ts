import { expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { gateEvidence } from '../../../models/evaluation/gate-evidence.js';
import { expectClose, readGolden } from '../golden.js';

interface GoldenGate {
  readonly tolerance: number;
  readonly classes: string[];
  readonly labels: number[];
  readonly predicted: [number[], number[]];
  readonly confidence: [number[], number[]];
  readonly championF1: number;
  readonly challengerF1: number;
  /** Rows and loss by class. */
  readonly losses: Record<string, [number, number]>;
  readonly eceRise: number;
}

const golden = readGolden<GoldenGate>('retrain');
const HOUR_MS = 3_600_000;

function evidence(change: Partial<Pick<GoldenGate, 'predicted' | 'confidence'>> = {}) {
  const { predicted, confidence } = { ...golden, ...change };
  const [champion, challenger] = predicted.map((of) => Int32Array.from(of));
  const answers = {
    labels: Int32Array.from(golden.labels),
    timeFirstMs: Float64Array.from(golden.labels, (_, i) => i * 0.1 * HOUR_MS),
    predicted: [champion!, challenger!] as const, // two answers
    confidence: [Float64Array.from(confidence[0]), Float64Array.from(confidence[1])] as const,
  };
  const how = { random: seededRandom('gate'), latencyRatio: 1.5 };
  return gateEvidence(answers, golden.classes, how);
}

test('the gate is shown the scores, losses and calibration that scikit-learn and numpy find', () => {
  const { heldOutRows, championF1, challengerF1, eceRise, classes, latencyRatio } = evidence();
  expect({ heldOutRows, latencyRatio }).toEqual({
    heldOutRows: golden.labels.length,
    latencyRatio: 1.5,
  });
  const got = [championF1, challengerF1, eceRise ?? NaN];
  expectClose(got, [golden.championF1, golden.challengerF1, golden.eceRise], golden.tolerance);
  const found = new Map(classes.map(({ name, rows, loss }) => [name, [rows, loss]]));
  expect([...found.keys()].sort()).toEqual(golden.classes);
  for (const [name, want] of Object.entries(golden.losses))
    expectClose(found.get(name) ?? [], want, golden.tolerance);
});

test('the gain lies in its interval', () => {
  const { gain, championF1, challengerF1 } = evidence();
  expect(gain.lower).toBeLessThan(challengerF1 - championF1);
  expect(gain.upper).toBeGreaterThan(challengerF1 - championF1);
});

test('a model gains nothing over itself', () => {
  const { predicted, confidence } = golden;
  const { gain, classes, eceRise } = evidence({
    predicted: [predicted[0], predicted[0]],
    confidence: [confidence[0], confidence[0]],
  });
  expect({ gain, eceRise }).toEqual({ gain: { lower: 0, upper: 0 }, eceRise: 0 });
  expect(classes.map(({ loss }) => Math.abs(loss))).toEqual([0, 0, 0, 0]);
});

test('a calibration that cannot be computed is null, as JSON has it', () => {
  const confidence: GoldenGate['confidence'] = [golden.confidence[0], [NaN]];
  const { eceRise } = evidence({ confidence });
  expect(eceRise).toBeNull();
});

/** A window of flows as people read it: `sentinel drift`, notices, and the page. */
import type { DriftFindings } from '../contracts/drift.js';
import type { JudgedFlows } from '../contracts/lifecycle.js';
import { isAbove, SIGNALS } from '../contracts/signals.js';
import type { DriftScore } from '../contracts/schemas/values.js';

/** Every signal there is, judged or not; behind them those of earlier releases. */
export function signalScores({
  partition,
  readings,
}: Pick<JudgedFlows, 'partition' | 'readings'>): DriftScore[] {
  const signals = new Set<string>([...SIGNALS, ...readings.map(({ signal }) => signal)]);
  return [...signals].map((statistic) => {
    const reading = readings.find(({ signal }) => signal === statistic);
    const threshold = reading?.threshold ?? null;
    if (reading === undefined || threshold === null) {
      return {
        partition,
        statistic,
        value: reading?.value ?? null,
        threshold,
        verdict: 'not_judged',
      };
    }
    const verdict = isAbove(reading) ? 'drifted' : 'stable';
    return { partition, statistic, value: reading.value, threshold, verdict };
  });
}

/** One line: what drifted. */
export function driftSummary({ readings }: Pick<JudgedFlows, 'readings'>): string {
  const drifted = readings.filter(isAbove).map(({ signal }) => signal);
  if (readings.length === 0) return 'not judged';
  return drifted.length === 0 ? 'nothing drifted' : `drifted: ${drifted.join(', ')}`;
}

/** Columns of `signalRows`. */
export const SIGNAL_HEAD = ['signal', 'value', 'threshold', 'verdict'];

/** One row for each signal. */
export function signalRows(scores: readonly DriftScore[]): string[][] {
  return scores.map(({ statistic, value, threshold, verdict }) => [
    ...[statistic, value?.toFixed(4) ?? '', threshold?.toFixed(4) ?? '', verdict],
  ]);
}

/** Columns of `classRows`. */
export const CLASS_HEAD = ['class', 'flows', 'moved by'];

/** One row for each class that moved by itself, by flows. */
export function classRows({ movedClasses }: DriftFindings): string[][] {
  return movedClasses.map(({ name, rows, shift }) => [name, String(rows), shift.toFixed(3)]);
}

/** Columns of `featureRows`. */
export const FEATURE_HEAD = ['feature', 'moved by'];

/** One row for each of the features that moved most. */
export function featureRows({ features }: DriftFindings): string[][] {
  return features.map(({ name, value }) => [name, value.toFixed(3)]);
}

/** Columns of `serviceRows`. */
export const SERVICE_HEAD = ['new name', 'flows', 'unknown to the model'];

/** One row for each name that may be a new service, by flows. */
export function serviceRows({ newServices }: DriftFindings): string[][] {
  return newServices.map(({ name, rows, rejected }) => [name, String(rows), String(rejected)]);
}

/** Columns of `versionRows`. */
export const VERSION_HEAD = ['version', 'weighted F1'];

/** One row for each version that answered. */
export function versionRows({ scores }: DriftFindings): string[][] {
  return scores.map(({ version, weightedF1 }) => [version, weightedF1.toFixed(4)]);
}

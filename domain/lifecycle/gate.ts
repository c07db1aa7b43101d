/** The champion gate: whether a challenger may take over, by what both showed on rows that neither has seen. */
import type { GateEvidence } from '../../contracts/lifecycle.js';
import type { GatePolicy } from '../../contracts/lifecycle-policy.js';

/** The verdict, with what spoke against the challenger; nothing did when it passed. */
export interface GateVerdict {
  readonly passed: boolean;
  readonly against: readonly string[];
}

/** Judges a challenger. A number that could not be computed (null, NaN) speaks against it. */
export function judgeGate(
  policy: GatePolicy,
  evidence: GateEvidence,
  afterSchemaBreak: boolean,
): GateVerdict {
  const { heldOutRows, gain, classes, eceRise, latencyRatio } = evidence;
  const minGain = afterSchemaBreak ? policy.minGainSchemaBreak : policy.minGain;
  const against: string[] = [];
  const ask = (holds: boolean, otherwise: string): void => {
    if (!holds) against.push(otherwise);
  };
  ask(
    heldOutRows >= policy.minHeldOutRows,
    `${heldOutRows} held-out rows, ${policy.minHeldOutRows} are needed`,
  );
  ask(
    gain.lower > minGain,
    `the lower bound of its gain in macro-F1 is ${gain.lower.toFixed(4)}, it must exceed ${minGain}`,
  );
  for (const { name, rows, loss } of classes) {
    ask(
      rows < policy.classRows || loss <= policy.maxClassLoss,
      `${name} loses ${loss.toFixed(3)} of its F1 on ${rows} rows, ${policy.maxClassLoss} are allowed`,
    );
  }
  ask(
    eceRise !== null && eceRise <= policy.maxEceRise,
    eceRise === null
      ? 'its calibration error could not be computed'
      : `its calibration error is ${eceRise.toFixed(4)} higher, ${policy.maxEceRise} are allowed`,
  );
  ask(
    latencyRatio !== null && latencyRatio <= policy.maxLatencyRatio,
    latencyRatio === null
      ? 'the time that a flow takes it could not be measured'
      : `a flow takes it ${latencyRatio.toFixed(2)} times as long, ${policy.maxLatencyRatio} are allowed`,
  );
  return { passed: against.length === 0, against };
}

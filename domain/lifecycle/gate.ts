/** The champion gate: whether a challenger may take over, by what both showed on rows that neither has seen. */
import type { GatePolicy } from '../../contracts/lifecycle-policy.js';

/** What was measured on the held-out rows. */
export interface GateEvidence {
  readonly heldOutRows: number;
  /** Macro-F1, [0, 1]. */
  readonly championF1: number;
  readonly challengerF1: number;
  /** Of the challenger's macro-F1 over the champion's: the 95 % interval of a paired bootstrap. */
  readonly gain: { readonly lower: number; readonly upper: number };
  /** Classes by rows on the held-out days, and what the challenger loses of their F1 (negative: gains). */
  readonly classes: readonly {
    readonly name: string;
    readonly rows: number;
    readonly loss: number;
  }[];
  /** Challenger's expected calibration error less the champion's. */
  readonly eceRise: number;
  /** Time a flow takes the challenger over that of the champion. */
  readonly latencyRatio: number;
}

/** The verdict, with what spoke against the challenger; nothing did when it passed. */
export interface GateVerdict {
  readonly passed: boolean;
  readonly against: readonly string[];
}

/** Judges a challenger. A number that could not be computed (NaN) speaks against it. */
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
    eceRise <= policy.maxEceRise,
    `its calibration error is ${eceRise.toFixed(4)} higher, ${policy.maxEceRise} are allowed`,
  );
  ask(
    latencyRatio <= policy.maxLatencyRatio,
    `a flow takes it ${latencyRatio.toFixed(2)} times as long, ${policy.maxLatencyRatio} are allowed`,
  );
  return { passed: against.length === 0, against };
}

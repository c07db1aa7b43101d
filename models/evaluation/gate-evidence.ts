/** What the champion gate is shown: champion and challenger on the same held-out flows. */
import type { GateEvidence } from '../../contracts/lifecycle.js';
import type { BootstrapRequest } from './bootstrap.js';
import { comparePair, type PairedFlows } from './comparison.js';

/**
 * The evidence of a comparison, by a bootstrap over services and days.
 *
 * @param answers the champion's first; none of the flows has trained either of the two
 * @param classes [K] of both: a class that one of them does not know counts against it
 */
export function gateEvidence(
  answers: PairedFlows,
  classes: readonly string[],
  { random, latencyRatio }: Pick<BootstrapRequest, 'random'> & Pick<GateEvidence, 'latencyRatio'>,
): GateEvidence {
  const { rows, models, gain, classes: compared } = comparePair(answers, classes, random);
  const [champion, challenger] = models;
  const eceRise = challenger.ece - champion.ece;
  return {
    heldOutRows: rows,
    championF1: champion.macroF1.value,
    challengerF1: challenger.macroF1.value,
    gain: { lower: gain.macroF1.lower, upper: gain.macroF1.upper },
    classes: compared.map(({ name, support, f1 }) => ({
      name,
      rows: support,
      loss: f1[0] - f1[1],
    })),
    eceRise: Number.isFinite(eceRise) ? eceRise : null,
    latencyRatio,
  };
}

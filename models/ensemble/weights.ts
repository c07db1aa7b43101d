/** Search for the weights of an ensemble. M members, N flows, K classes. */
import { PipelineError } from '../../contracts/errors.js';
import { confusionMatrix, predictedClasses, scoreConfusion } from '../evaluation/classification.js';

/** Weights are multiples of 1/20 = .05: finer ones fit the noise of a validation week. */
const UNITS = 20;

/** Weights found, and the macro-F1 they reach on the rows they were chosen on. */
export interface EnsembleWeights {
  /** [M] multiples of .05 that sum to 1. */
  readonly weights: readonly number[];
  readonly macroF1: number;
}

/**
 * The weighted mean of probabilities.
 *
 * @param members [M] arrays of [N, K]
 * @param weights [M] that sum to 1
 * @returns [N, K]
 */
export function averageProbabilities(
  members: readonly Float32Array[],
  weights: readonly number[],
): Float32Array {
  const mean = new Float64Array(members[0]?.length ?? 0);
  members.forEach((member, m) => {
    const weight = weights[m] ?? 0;
    if (weight === 0) return;
    for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] ?? 0) + weight * (member[i] ?? 0);
  });
  return Float32Array.from(mean);
}

/**
 * Weights on the simplex with the highest macro-F1: coordinate search that moves weight from one
 * member to another while that helps, from each member alone and from equal weights. Between equals
 * the earlier start wins, so a lone member is kept unless an average is better.
 *
 * @param members [M] arrays of [N, K] on the same validation rows
 * @param labels  [N]
 * @throws PipelineError ENSEMBLE_MEMBERS without members, MODEL_SHAPE when they differ in size
 */
export function fitEnsembleWeights(
  members: readonly Float32Array[],
  labels: Int32Array,
  classCount: number,
): EnsembleWeights {
  requireSameSize(members, labels.length * classCount);
  const classes = Array.from({ length: classCount }, (_, k) => String(k));
  const known = new Map<string, number>();
  const score = (units: readonly number[]): number => {
    const key = units.join();
    const seen = known.get(key);
    if (seen !== undefined) return seen;
    const mean = averageProbabilities(
      members,
      units.map((unit) => unit / UNITS),
    );
    const predicted = predictedClasses(mean, classCount);
    const { macroF1 } = scoreConfusion(confusionMatrix(labels, predicted, classCount), classes);
    known.set(key, macroF1);
    return macroF1;
  };
  let best: number[] = [];
  let highest = -Infinity;
  for (const start of startingPoints(members.length)) {
    const found = climb(start, score);
    if (score(found) > highest) {
      highest = score(found);
      best = found;
    }
  }
  return { weights: best.map((unit) => unit / UNITS), macroF1: highest };
}

/** Each member alone, then all of them equally as far as the units go. */
function startingPoints(members: number): number[][] {
  const alone = Array.from({ length: members }, (_, m) =>
    Array.from({ length: members }, (_, other) => (other === m ? UNITS : 0)),
  );
  const share = Math.floor(UNITS / members);
  const equal = Array.from({ length: members }, (_, m) =>
    m === 0 ? UNITS - share * (members - 1) : share,
  );
  return [...alone, equal];
}

/** Takes the best move of any amount between any two members until none helps. */
function climb(start: readonly number[], score: (units: readonly number[]) => number): number[] {
  let here = [...start];
  for (;;) {
    let next = here;
    for (let from = 0; from < here.length; from++) {
      for (let to = 0; to < here.length; to++) {
        for (let amount = 1; from !== to && amount <= (here[from] ?? 0); amount++) {
          const there = here
            .with(from, (here[from] ?? 0) - amount)
            .with(to, (here[to] ?? 0) + amount);
          if (score(there) > score(next)) next = there;
        }
      }
    }
    if (next === here) return here;
    here = next;
  }
}

function requireSameSize(members: readonly Float32Array[], expected: number): void {
  if (members.length === 0) {
    throw new PipelineError({
      code: 'ENSEMBLE_MEMBERS',
      found: 'no members',
      expected: 'at least one',
      fix: 'train a model first',
    });
  }
  const odd = members.findIndex((member) => member.length !== expected);
  if (odd === -1) return;
  throw new PipelineError({
    code: 'MODEL_SHAPE',
    column: `member ${odd}`,
    found: `${members[odd]?.length ?? 0} probabilities`,
    expected: `${expected}`,
    fix: 'let every member predict the same validation flows',
  });
}

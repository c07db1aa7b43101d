/**
 * How good a classifier is: scikit-learn's accuracy, F1, confusion matrix and log loss, and the
 * expected calibration error. N flows, K classes.
 */
import { PipelineError } from '../../contracts/errors.js';
import { calibrationError, reliabilityBins, type ReliabilityBin } from './reliability.js';

/** Scores of one class; a ratio whose denominator is 0 is 0 (`zero_division=0`). */
export interface ClassScore {
  readonly name: string;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Flows of this class. */
  readonly support: number;
  /** Flows said to be of this class. */
  readonly predicted: number;
}

/** What a confusion matrix says. */
export interface ConfusionScores {
  readonly rows: number;
  readonly accuracy: number;
  /** Mean F1 over the classes that occur among the labels or the predictions, as scikit-learn takes it. */
  readonly macroF1: number;
  /** F1 weighted by support. */
  readonly weightedF1: number;
  /** [K] in the order of the classes; absent classes score 0. */
  readonly perClass: readonly ClassScore[];
}

/** All scores of a set of probabilities. */
export interface Evaluation extends ConfusionScores {
  /** Mean of -ln p(true class); p is kept above the float32 epsilon, as scikit-learn does. */
  readonly logloss: number;
  /** Expected calibration error, 15 bins of equal width. */
  readonly ece: number;
  /** What `ece` is made of. */
  readonly reliability: readonly ReliabilityBin[];
  readonly classes: readonly string[];
  /** [K, K] row-major: row = true class, column = predicted class. */
  readonly confusion: Uint32Array;
}

/** Spacing of float32 at 1, the clip of scikit-learn's `log_loss` on float32 probabilities. */
const FLOAT32_EPSILON = 2 ** -23;

/**
 * Scores probabilities against labels.
 *
 * @param probabilities [N, K] row-major, rows sum to 1
 * @param labels        [N] class indices 0..K-1
 * @throws PipelineError MODEL_SHAPE, MODEL_LABELS
 */
export function evaluate(
  probabilities: Float32Array,
  labels: Int32Array,
  classes: readonly string[],
): Evaluation {
  requireProbabilities(probabilities, labels, classes);
  const K = classes.length;
  const predicted = predictedClasses(probabilities, K);
  const confusion = confusionMatrix(labels, predicted, K);
  const reliability = reliabilityBins(
    Float64Array.from(predicted, (k, i) => probabilities[i * K + k] ?? 0),
    predicted.map((k, i) => (k === labels[i] ? 1 : 0)),
  );
  return {
    ...scoreConfusion(confusion, classes),
    logloss: logLoss(probabilities, labels),
    ece: calibrationError(reliability),
    reliability,
    classes,
    confusion,
  };
}

/**
 * The most probable class of each row; the first one of equals.
 *
 * @param probabilities [N, K]
 * @returns [N]
 */
export function predictedClasses(probabilities: Float32Array, classCount: number): Int32Array {
  const predicted = new Int32Array(probabilities.length / classCount);
  for (let i = 0; i < predicted.length; i++) {
    let best = 0;
    let highest = -Infinity;
    for (let k = 0; k < classCount; k++) {
      const p = probabilities[i * classCount + k] ?? 0;
      if (p > highest) {
        highest = p;
        best = k;
      }
    }
    predicted[i] = best;
  }
  return predicted;
}

/**
 * Counts of (true, predicted).
 *
 * @returns [K, K] row-major: row = true class
 */
export function confusionMatrix(
  labels: Int32Array,
  predicted: Int32Array,
  classCount: number,
): Uint32Array {
  const confusion = new Uint32Array(classCount * classCount);
  for (let i = 0; i < labels.length; i++) {
    const cell = (labels[i] ?? 0) * classCount + (predicted[i] ?? 0);
    confusion[cell] = (confusion[cell] ?? 0) + 1;
  }
  return confusion;
}

/** Accuracy and F1 from a confusion matrix [K, K]. */
export function scoreConfusion(
  confusion: Uint32Array,
  classes: readonly string[],
): ConfusionScores {
  const K = classes.length;
  let rows = 0;
  let hits = 0;
  let occurring = 0;
  let f1Sum = 0;
  let weightedSum = 0;
  const perClass = classes.map((name, k) => {
    let support = 0;
    let said = 0;
    for (let j = 0; j < K; j++) {
      support += confusion[k * K + j] ?? 0;
      said += confusion[j * K + k] ?? 0;
    }
    const right = confusion[k * K + k] ?? 0;
    const f1 = ratio(2 * right, support + said);
    rows += support;
    hits += right;
    f1Sum += f1;
    weightedSum += f1 * support;
    if (support + said > 0) occurring++;
    return {
      name,
      precision: ratio(right, said),
      recall: ratio(right, support),
      f1,
      support,
      predicted: said,
    };
  });
  return {
    rows,
    accuracy: ratio(hits, rows),
    macroF1: ratio(f1Sum, occurring),
    weightedF1: ratio(weightedSum, rows),
    perClass,
  };
}

/** Mean of -ln p(true class) over rows of `probabilities` [N, K]; 0 for no rows. */
function logLoss(probabilities: Float32Array, labels: Int32Array): number {
  const K = probabilities.length / labels.length;
  let sum = 0;
  labels.forEach((label, i) => {
    const p = probabilities[i * K + label] ?? 0;
    sum -= Math.log(Math.min(1 - FLOAT32_EPSILON, Math.max(FLOAT32_EPSILON, p)));
  });
  return ratio(sum, labels.length);
}

function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}

function requireProbabilities(
  probabilities: Float32Array,
  labels: Int32Array,
  classes: readonly string[],
): void {
  if (probabilities.length !== labels.length * classes.length) {
    throw new PipelineError({
      code: 'MODEL_SHAPE',
      column: 'probabilities',
      found: `${probabilities.length} values`,
      expected: `${labels.length} rows of ${classes.length}`,
      fix: 'score the rows that were predicted, with the classes of the model that predicted them',
    });
  }
  const row = labels.findIndex((label) => label < 0 || label >= classes.length);
  if (row === -1) return;
  throw new PipelineError({
    code: 'MODEL_LABELS',
    row: row + 1,
    found: `class index ${labels[row]}`,
    expected: `0..${classes.length - 1}`,
    fix: 'leave out flows of classes that the model does not know, and report how many there were',
  });
}

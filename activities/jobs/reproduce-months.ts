/**
 * The published month evaluation: a model learns a month and is asked about later ones.
 *
 * Scored are, of the training month, a random fifth, as the publication has it, and its last seven days by a model of the
 * days before; then each later month. The training month is held in memory, a later one is not.
 */
import { PipelineError, type Fault } from '../../contracts/errors.js';
import { seededRandom, type SeededRandom } from '../../contracts/seeded-random.js';
import type { AppFlows } from '../../feature-store/read-flows.js';
import type { FlowStream } from '../../models/boosting/matrix-rows.js';
import type { BoostedModel } from '../../models/boosting/model.js';
import type { BoostingRound } from '../../models/boosting/train.js';
import {
  confusionMatrix,
  predictedClasses,
  scoreConfusion,
} from '../../models/evaluation/classification.js';
import { findLightgbmLibrary } from '../../models/lightgbm/bindings.js';
import { trainLightgbm } from '../../models/lightgbm/train.js';
import { selectFlows, type FlowSet } from '../../models/model.js';
import { findXgboostLibrary } from '../../models/xgboost/bindings.js';
import { trainXgboost } from '../../models/xgboost/train.js';
import { shareOut, type ExperimentDay } from './experiment-days.js';
import { inputHashes } from './input-hashes.js';
import { withClasses, type KnownFlows } from './label-flows.js';
import {
  reproducedFeatures,
  reproducedSettings,
  type ReproducedModel,
} from './published-months.js';

/** What is asked. */
export interface ReproduceRequest {
  /** Of all months below. */
  readonly days: readonly ExperimentDay[];
  readonly model: ReproducedModel;
  /** Such as `2022-06`. */
  readonly train: string;
  readonly test: readonly string[];
  /** Flows of each month that are used, by chance; all when it has no more. */
  readonly flowsPerMonth: number;
  /** A service is learnt when the training month has so many flows of it. */
  readonly minFlows: number;
  readonly seed: number;
}

/** What the job may use. */
export interface ReproduceContext {
  readonly setupDir: string;
  readonly threads: number;
  readonly progress: (detail: string) => void;
}

/** How good the model was on some flows. */
export interface ReproducedScore {
  readonly month: string;
  /** Which of its flows: a random fifth, or the last seven days, of the training month; or all. */
  readonly part: 'random-fifth' | 'last-days' | 'all';
  /** Flows of services that the model has learnt. */
  readonly flows: number;
  readonly accuracy: number;
  readonly macroF1: number;
  /** Flows of other services; the scores leave them out. */
  readonly otherServices: number;
  /** Of `flows`, those whose model input is one of the training flows'. */
  readonly seenInTraining: number;
  /** Accuracy on the rest; null when there is none. */
  readonly accuracyOfUnseen: number | null;
}

/** What came of it. */
export interface Reproduced {
  readonly services: number;
  readonly trainingFlows: number;
  /** Those of `reproducedSettings` and, of what the training chose, the rounds that were kept. */
  readonly settings: ReturnType<typeof reproducedSettings> & { readonly roundsKept: number };
  readonly scores: readonly ReproducedScore[];
  /** Rows of raw files that did not parse, and the first of them. */
  readonly rowsRejected: number;
  readonly faults: readonly Fault[];
}

/**
 * Runs the experiment.
 *
 * @throws PipelineError TRAINING_TOO_FEW_ROWS, and what reading the days throws
 */
export async function reproduceMonths(
  request: ReproduceRequest,
  context: ReproduceContext,
): Promise<Reproduced> {
  const { train, test } = request;
  const reader = new MonthReader(request, context);
  const month = new TrainingMonth(request.seed);
  await reader.read(train, (flows, day) => {
    month.add(flows, day);
  });
  const { classes, parts } = month.learn(request.minFlows);
  const random = {
    train: parts.filter(({ isHeld }) => !isHeld),
    validation: parts.filter(({ isHeld }) => isHeld),
  };
  requireRows(classes, random, train);
  const scores: ReproducedScore[] = [];
  const model = await fit(random, classes, request, context);
  try {
    scores.push(model.scoreParts(random.validation, { month: train, part: 'random-fifth' }));
    const last = await scoreLastDays(parts, classes, request, context);
    if (last !== undefined) scores.push(last);
    for (const one of test) {
      const tally = model.tally();
      await reader.read(one, (flows) => {
        tally.add(withClasses(flows, flows.app, classes));
      });
      scores.push(tally.score({ month: one, part: 'all' }));
    }
  } finally {
    model.dispose();
  }
  const { rowsRejected, faults } = reader;
  return {
    services: classes.length,
    trainingFlows: rowsOf(random.train),
    settings: { ...reproducedSettings(request.model), roundsKept: model.rounds },
    ...{ scores, rowsRejected, faults },
  };
}

/** A part of the training month. */
interface TrainingPart extends KnownFlows {
  readonly day: string;
  /** Among the random fifth that validates. */
  readonly isHeld: boolean;
}

interface Split {
  readonly train: readonly TrainingPart[];
  readonly validation: readonly TrainingPart[];
}

/** Reads months in order of their days, and counts what did not parse. */
class MonthReader {
  readonly #request: ReproduceRequest;
  readonly #context: ReproduceContext;
  readonly faults: Fault[] = [];
  rowsRejected = 0;

  constructor(request: ReproduceRequest, context: ReproduceContext) {
    this.#request = request;
    this.#context = context;
  }

  async read(month: string, use: (flows: AppFlows, day: string) => void): Promise<void> {
    const { days, flowsPerMonth, model, seed } = this.#request;
    const features = reproducedFeatures(model);
    const ofMonth = days.filter(({ day }) => day.startsWith(month));
    const shares = shareOut(flowsPerMonth, ofMonth);
    let rows = 0;
    for (const [index, source] of ofMonth.entries()) {
      const { day } = source;
      const wanted = { features, flows: shares[index] ?? 0, seed };
      const { rowsRejected, faults } = await source.read(wanted, (flows) => {
        rows += flows.n;
        use(flows, day);
      });
      this.rowsRejected += rowsRejected;
      this.faults.push(...faults.slice(0, SHOWN_FAULTS - this.faults.length));
      this.#context.progress(`${day}: ${rows} flows of ${month}`);
    }
  }
}

const SHOWN_FAULTS = 20;

/** The flows of the training month, a fifth of each service held back by chance. */
class TrainingMonth {
  readonly #parts: { flows: AppFlows; day: string; isHeld: boolean }[] = [];
  /** Flows so far of each service, and which of the next five is held back. */
  readonly #services = new Map<string, { flows: number; held: number }>();
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = seededRandom(seed, 'random fifth');
  }

  add(flows: AppFlows, day: string): void {
    const rows: [number[], number[]] = [[], []];
    flows.app.forEach((app, row) => {
      rows[this.#holds(app) ? 1 : 0].push(row);
    });
    for (const [index, chosen] of rows.entries()) {
      if (chosen.length === 0) continue;
      const app = chosen.map((row) => flows.app[row] ?? '');
      this.#parts.push({
        ...{ flows: { ...selectFlows(flows, chosen), app }, day, isHeld: index === 1 },
      });
    }
  }

  /** The services with enough flows, by name, and the flows of these. */
  learn(minFlows: number): { classes: string[]; parts: TrainingPart[] } {
    const classes = [...this.#services]
      .filter(([app, { flows }]) => flows >= minFlows && !app.endsWith('-background'))
      .map(([app]) => app)
      .sort();
    const parts = this.#parts.splice(0).map(({ flows, day, isHeld }) => ({
      ...withClasses(flows, flows.app, classes),
      day,
      isHeld,
    }));
    return { classes, parts };
  }

  #holds(app: string): boolean {
    const service = this.#services.get(app) ?? { flows: 0, held: 0 };
    this.#services.set(app, service);
    if (service.flows % FIFTH === 0) service.held = this.#random.below(FIFTH);
    service.flows += 1;
    return (service.flows - 1) % FIFTH === service.held;
  }
}

const FIFTH = 5;

/** How a model of the days before does on the last seven; undefined when there is no day before. */
async function scoreLastDays(
  parts: readonly TrainingPart[],
  classes: readonly string[],
  request: ReproduceRequest,
  context: ReproduceContext,
): Promise<ReproducedScore | undefined> {
  const last = parts.reduce((newest, { day }) => (day > newest ? day : newest), '');
  const first = new Date(Date.parse(last) - 6 * DAY_MS).toISOString().slice(0, 10);
  const train = parts.filter(({ day }) => day < first);
  const validation = parts.filter(({ day }) => day >= first);
  if (train.length === 0) return undefined;
  const model = await fit({ train, validation }, classes, request, context);
  try {
    return model.scoreParts(validation, { month: request.train, part: 'last-days' });
  } finally {
    model.dispose();
  }
}

const DAY_MS = 86_400_000;

function rowsOf(parts: readonly KnownFlows[]): number {
  return parts.reduce((rows, { flows }) => rows + flows.n, 0);
}

function requireRows(classes: readonly string[], split: Split, month: string): void {
  if (classes.length >= 2 && rowsOf(split.validation) > 0) return;
  throw new PipelineError({
    code: 'TRAINING_TOO_FEW_ROWS',
    found: `${classes.length} services with enough flows in ${month}`,
    expected: 'two or more',
    fix: 'take more flows with --flows-per-month, or learn rarer services with --min-flows',
  });
}

async function fit(
  split: Split,
  classes: readonly string[],
  { model: kind, seed, train: month }: ReproduceRequest,
  { setupDir, threads, progress }: ReproduceContext,
): Promise<FittedModel> {
  const settings = { ...reproducedSettings(kind), threads };
  const request = {
    ...{ train: together(split.train), validation: together(split.validation) },
    ...{ classes, seed, preset: 'published', settings },
    onRound: ({ round, validationLogloss }: BoostingRound) => {
      progress(
        `${month}: round ${round} of ${settings.rounds}, loss ${validationLogloss.toFixed(3)}`,
      );
    },
  };
  const { model, best } =
    kind === 'lightgbm'
      ? await trainLightgbm({ ...request, libraryPath: findLightgbmLibrary(setupDir) })
      : await trainXgboost({ ...request, libraryPath: findXgboostLibrary(setupDir) });
  const inputs = new Set(split.train.flatMap(({ flows }) => inputHashes(flows, settings.packets)));
  return new FittedModel(model, { rounds: best, inputs, packets: settings.packets });
}

/** Parts as one stream, in their order. */
function together(parts: readonly KnownFlows[]): { flows: FlowStream; labels: Int32Array } {
  const n = rowsOf(parts);
  const labels = new Int32Array(n);
  let start = 0;
  for (const part of parts) {
    labels.set(part.labels, start);
    start += part.flows.n;
  }
  const featureNames = parts[0]?.flows.featureNames ?? [];
  return { flows: { n, featureNames, parts: () => parts.map(({ flows }) => flows) }, labels };
}

/** A trained model that knows what it has seen. */
class FittedModel {
  readonly #model: BoostedModel;
  readonly #inputs: ReadonlySet<string>;
  readonly #packets: boolean;
  /** Rounds that were kept. */
  readonly rounds: number;

  constructor(
    model: BoostedModel,
    known: { rounds: number; inputs: ReadonlySet<string>; packets: boolean },
  ) {
    this.#model = model;
    this.#inputs = known.inputs;
    this.#packets = known.packets;
    this.rounds = known.rounds;
  }

  tally(): Tally {
    const seen = (flows: FlowSet): boolean[] =>
      inputHashes(flows, this.#packets).map((input) => this.#inputs.has(input));
    return new Tally(this.#model, seen);
  }

  scoreParts(parts: readonly KnownFlows[], what: Scored): ReproducedScore {
    const tally = this.tally();
    for (const part of parts) tally.add(part);
    return tally.score(what);
  }

  dispose(): void {
    this.#model.dispose();
  }
}

type Scored = Pick<ReproducedScore, 'month' | 'part'>;

/** Answers, counted. */
class Tally {
  readonly #model: BoostedModel;
  readonly #seen: (flows: FlowSet) => boolean[];
  /** [K, K] of all flows, and of those that are not among the training flows. */
  readonly #all: Uint32Array;
  readonly #unseen: Uint32Array;
  #others = 0;

  constructor(model: BoostedModel, seen: (flows: FlowSet) => boolean[]) {
    const K = model.classes.length;
    this.#model = model;
    this.#seen = seen;
    this.#all = new Uint32Array(K * K);
    this.#unseen = new Uint32Array(K * K);
  }

  add({ flows, labels, rowsUnseenClass }: KnownFlows): void {
    const K = this.#model.classes.length;
    const predicted = predictedClasses(this.#model.predict(flows), K);
    const seen = this.#seen(flows);
    const unseen = (_: number, row: number): boolean => seen[row] === false;
    addTo(this.#all, confusionMatrix(labels, predicted, K));
    addTo(this.#unseen, confusionMatrix(labels.filter(unseen), predicted.filter(unseen), K));
    this.#others += rowsUnseenClass;
  }

  score(what: Scored): ReproducedScore {
    const { classes } = this.#model;
    const { rows, accuracy, macroF1 } = scoreConfusion(this.#all, classes);
    const unseen = scoreConfusion(this.#unseen, classes);
    return {
      ...what,
      ...{ flows: rows, accuracy, macroF1, otherServices: this.#others },
      seenInTraining: rows - unseen.rows,
      accuracyOfUnseen: unseen.rows === 0 ? null : unseen.accuracy,
    };
  }
}

function addTo(sums: Uint32Array, counts: Uint32Array): void {
  counts.forEach((count, cell) => (sums[cell] = (sums[cell] ?? 0) + count));
}

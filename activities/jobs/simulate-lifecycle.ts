/**
 * The loop in virtual time: raw weeks go by day after day, and what the policy decides is done with light models.
 *
 * Three ways to serve are compared on the same flows: the first version for ever (frozen), a new one on the first of
 * each month (calendar), and the loop. Each day is answered by the version that serves in its first hour.
 */
import type { Json } from '../../contracts/json.js';
import type { GateEvidence } from '../../contracts/lifecycle.js';
import type { LifecyclePolicy } from '../../contracts/lifecycle-policy.js';
import { seededRandom } from '../../contracts/seeded-random.js';
import { isoWeekOf, weekStart } from '../../dag/partitions.js';
import { judgeWindow, type Answered } from '../../domain/drift/judge-window.js';
import { isoDay } from '../../domain/lifecycle/iso-day.js';
import { stepLoop } from '../../domain/lifecycle/loop.js';
import {
  startLoop,
  versionsToScore,
  type Decision,
  type LoopCommand,
  type LoopEvent,
  type LoopState,
} from '../../domain/lifecycle/loop-state.js';
import {
  cutRetraining,
  retrainSpan,
  trainingRows,
  type FlowSpan,
} from '../../domain/lifecycle/retrain-window.js';
import type { FlowSet } from '../../feature-store/read-flows.js';
import {
  confusionMatrix,
  scoreConfusion,
  type ConfusionScores,
} from '../../models/evaluation/classification.js';
import { gateEvidence } from '../../models/evaluation/gate-evidence.js';
import { SimulatedFlows, SimulatedVersion, type LightTraining } from './simulated-version.js';

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/** What is simulated. */
export interface SimulationRequest {
  readonly flows: FlowSet;
  readonly policy: LifecyclePolicy;
  readonly training: LightTraining;
  /** Weeks that train the first version; the next one is the first that is served. */
  readonly firstWeeks: number;
  /** Weeks that a retraining looks back. */
  readonly recentWeeks: number;
  readonly progress: (detail: string) => void;
}

/** The weighted F1 of each way to serve in one week. */
export interface SimulatedWeek {
  readonly partition: string;
  readonly rows: number;
  readonly frozen: number;
  readonly calendar: number;
  readonly loop: number;
  /** The version of the loop that served on its last day. */
  readonly version: string;
}

/** An alarm, and what came of it. */
export interface SimulatedAlarm {
  readonly partition: string;
  readonly signal: string;
  readonly cause: string;
  readonly retrained: boolean;
  /** What the retraining gained, see `SimulatedRetrain`; null without one. */
  readonly gainNextWeek: number | null;
}

/** A retraining, and whether the gate was right about it. */
export interface SimulatedRetrain {
  readonly partition: string;
  readonly challenger: string;
  readonly promoted: boolean;
  readonly heldOutRows: number;
  /** Of the challenger's macro-F1 over the champion's on the held-out rows: 95 % interval. */
  readonly gain: { readonly lower: number; readonly upper: number };
  /** Challenger's scores less the champion's on the seven days that follow, which the loop did not know; null where too few flows do. */
  readonly gainNextWeek: { readonly weightedF1: number; readonly macroF1: number } | null;
}

/** What came of it. */
export interface Simulation {
  readonly weeks: readonly SimulatedWeek[];
  readonly frozen: { readonly meanWeightedF1: number };
  readonly calendar: { readonly meanWeightedF1: number; readonly retrains: number };
  readonly loop: {
    readonly meanWeightedF1: number;
    readonly retrains: number;
    readonly rollbacks: number;
  };
  readonly alarms: readonly SimulatedAlarm[];
  readonly retrains: readonly SimulatedRetrain[];
  readonly decisions: readonly Decision[];
}

/**
 * Runs the weeks.
 *
 * @throws PipelineError TRAINING_TOO_FEW_ROWS when the first weeks cannot train
 */
export async function simulateLifecycle(request: SimulationRequest): Promise<Simulation> {
  const simulation = new LifecycleSimulation(request);
  try {
    return await simulation.run();
  } finally {
    simulation.dispose();
  }
}

/** One day of flows. */
interface Day {
  readonly startMs: number;
  readonly rows: readonly number[];
}

/** What a version said of a day. */
interface DayAnswers {
  readonly rows: readonly number[];
  readonly predicted: Int32Array;
  readonly answered: Answered;
}

class LifecycleSimulation {
  readonly #request: SimulationRequest;
  readonly #flows: SimulatedFlows;
  readonly #days: readonly Day[];
  readonly #versions = new Map<string, SimulatedVersion>();
  readonly #decisions: Decision[] = [];
  readonly #retrains: Omit<SimulatedRetrain, 'promoted'>[] = [];
  /** What versions said of days, until the next week. */
  readonly #answers = new Map<string, DayAnswers>();
  #state: LoopState;
  #made = 0;

  constructor(request: SimulationRequest) {
    this.#request = request;
    this.#flows = new SimulatedFlows(request.flows);
    this.#days = daysOf(request.flows.timeFirstMs);
    this.#state = startLoop(request.policy);
  }

  async run(): Promise<Simulation> {
    const { firstWeeks, progress } = this.#request;
    const startMs = firstWeek(this.#days);
    const servedMs = startMs + firstWeeks * WEEK_MS;
    const before = this.#daysWithin({ fromMs: startMs, toMs: servedMs });
    const first = await this.#train(rowsOf(before), servedMs);
    this.#state = { ...this.#state, serving: first.id };
    let calendar = first;
    let calendarRetrains = 0;
    const weeks: SimulatedWeek[] = [];

    for (
      let weekMs = servedMs;
      this.#days.some(({ startMs: at }) => at >= weekMs);
      weekMs += WEEK_MS
    ) {
      const days = this.#days.filter(({ startMs: at }) => at >= weekMs && at < weekMs + WEEK_MS);
      const scores = { frozen: this.#tally(), calendar: this.#tally(), loop: this.#tally() };
      this.#answers.clear();
      for (const day of days) {
        if (isFirstOfMonth(day.startMs) && day.startMs > servedMs) {
          const recent = this.#recentDays(day.startMs, null);
          const next = await this.#train(rowsOf(recent), day.startMs);
          if (calendar.id !== first.id) this.#drop(calendar);
          calendar = next;
          calendarRetrains += 1;
        }
        scores.frozen.add(this.#answer(first, day));
        scores.calendar.add(this.#answer(calendar, day));
        scores.loop.add(this.#answer(this.#serving(), day));
        await this.#judge('day', day.startMs, day.startMs + DAY_MS, [day]);
      }
      const rows = days.reduce((sum, day) => sum + day.rows.length, 0);
      if (rows < MIN_WEEK_ROWS) continue;
      await this.#judge('week', weekMs, weekMs + WEEK_MS, days);
      const week = {
        ...{
          partition: isoWeekOf(new Date(weekMs)),
          rows,
          version: this.#serving().id,
        },
        frozen: scores.frozen.scores().weightedF1,
        calendar: scores.calendar.scores().weightedF1,
        loop: scores.loop.scores().weightedF1,
      };
      weeks.push(week);
      progress(
        `${week.partition}: weighted F1 frozen ${week.frozen.toFixed(3)}, calendar ${week.calendar.toFixed(3)}, loop ${week.loop.toFixed(3)} (version ${week.version})`,
      );
    }
    const mean = (of: 'frozen' | 'calendar' | 'loop'): number =>
      weeks.reduce((sum, week) => sum + week[of], 0) / Math.max(1, weeks.length);
    const counted = (kind: Decision['kind']): number =>
      this.#decisions.filter((decision) => decision.kind === kind).length;
    return {
      weeks,
      frozen: { meanWeightedF1: mean('frozen') },
      calendar: { meanWeightedF1: mean('calendar'), retrains: calendarRetrains },
      loop: {
        meanWeightedF1: mean('loop'),
        retrains: counted('retrain'),
        rollbacks: counted('rolled_back'),
      },
      alarms: this.#alarms(),
      retrains: this.#promotedRetrains(),
      decisions: this.#decisions,
    };
  }

  dispose(): void {
    for (const version of this.#versions.values()) version.dispose();
  }

  /** Judges a window of the serving version and lets the loop decide, until nothing more is to be done. */
  async #judge(
    length: 'day' | 'week',
    startMs: number,
    endMs: number,
    days: readonly Day[],
  ): Promise<void> {
    const serving = this.#serving();
    const rows = days.flatMap((day) => day.rows);
    const judged = judgeWindow({
      reference: serving.reference,
      current: this.#flows.windowOf(rows, serving.bins),
      classes: this.#flows.names,
      heldOut: serving.heldOut,
      answered: joinAnswers(days.map((day) => this.#answer(serving, day).answered)),
      withShares: length === 'week',
    });
    const partition = length === 'day' ? isoDay(startMs) : isoWeekOf(new Date(startMs));
    const scores = versionsToScore(this.#state).map((id) => {
      const { weightedF1 } = this.#scoresOf(this.#version(id), days);
      return { version: id, weightedF1 };
    });
    const events: LoopEvent[] = [
      {
        ...{ kind: 'window_judged', reportHash: `${length} ${partition}`, partition, length },
        ...{ startMs, endMs, rows: rows.length, judgedClasses: judged.judgedClasses },
        ...{ version: serving.id, readings: judged.readings, causes: judged.causes },
        ...{ scores, at: endMs },
      },
    ];
    for (let event = events.shift(); event !== undefined; event = events.shift()) {
      const step = stepLoop(this.#state, event);
      this.#state = step.state;
      for (const command of step.commands) {
        const next = await this.#carryOut(command, endMs);
        if (next !== null) events.push(next);
      }
    }
  }

  async #carryOut(command: LoopCommand, nowMs: number): Promise<LoopEvent | null> {
    switch (command.kind) {
      case 'record_decision': {
        const { kind, partition, reason } = command.decision;
        this.#decisions.push(command.decision);
        if (kind !== 'noted') this.#request.progress(`${partition} ${kind}: ${reason}`);
        return null;
      }
      case 'start_retrain':
        return this.#retrain(command, nowMs);
      case 'ask_approval': // nobody is there to ask
        return { kind: 'approved', version: command.version, by: 'the simulation', at: nowMs };
      case 'promote':
        return { kind: 'promoted', version: command.version, at: nowMs };
      case 'roll_back':
        return { kind: 'rolled_back', version: command.version, at: nowMs };
    }
  }

  async #retrain(
    { partition, notBeforeMs, afterSchemaBreak }: Extract<LoopCommand, { kind: 'start_retrain' }>,
    nowMs: number,
  ): Promise<LoopEvent> {
    const days = this.#recentDays(nowMs, notBeforeMs);
    const recent = rowsOf(days);
    const { heldOutFrom } = cutRetraining(
      days.map(({ rows }) => rows.length),
      { afterSchemaBreak, minHeldOutRows: this.#request.policy.gate.minHeldOutRows },
    );
    try {
      const train = recent.slice(0, heldOutFrom);
      const challenger = await this.#train(train, nowMs);
      const champion = this.#serving();
      const rows = this.#flows.unseen(recent.slice(heldOutFrom), train);
      const gate = this.#compare(champion, challenger, rows);
      const { heldOutRows, gain } = gate;
      const gainNextWeek = this.#gainOfWeek(champion, challenger, nowMs);
      this.#retrains.push({
        ...{ partition, challenger: challenger.id, heldOutRows, gain, gainNextWeek },
      });
      const versions = { champion: champion.id, challenger: challenger.id };
      return { kind: 'retrain_finished', ...versions, gate, at: nowMs };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: 'retrain_failed', reason, at: nowMs };
    }
  }

  /** Both on the same rows, as the gate asks. */
  #compare(
    champion: SimulatedVersion,
    challenger: SimulatedVersion,
    rows: readonly number[],
  ): GateEvidence {
    const { names, labels: all, set } = this.#flows;
    const labels = Int32Array.from(rows, (row) => all[row] ?? 0);
    const timeFirstMs = Float64Array.from(rows, (row) => set.timeFirstMs[row] ?? 0);
    const [before, after] = [champion.answer(rows), challenger.answer(rows)];
    const answers = {
      ...{ labels, timeFirstMs, predicted: [before.predicted, after.predicted] as const },
      confidence: [before.answered.confidence, after.answered.confidence] as const,
    };
    return gateEvidence(answers, names, {
      random: seededRandom(this.#request.training.seed, 'gate', challenger.id),
      latencyRatio: 1, // virtual time knows none
    });
  }

  /** Challenger's scores less the champion's in the week that follows. */
  #gainOfWeek(
    champion: SimulatedVersion,
    challenger: SimulatedVersion,
    fromMs: number,
  ): SimulatedRetrain['gainNextWeek'] {
    const days = this.#days.filter(
      ({ startMs }) => startMs >= fromMs && startMs < fromMs + WEEK_MS,
    );
    if (days.reduce((sum, { rows }) => sum + rows.length, 0) < MIN_WEEK_ROWS) return null;
    const [before, after] = [champion, challenger].map((version) => this.#scoresOf(version, days));
    if (before === undefined || after === undefined) return null; // there are two
    return {
      weightedF1: after.weightedF1 - before.weightedF1,
      macroF1: after.macroF1 - before.macroF1,
    };
  }

  #scoresOf(version: SimulatedVersion, days: readonly Day[]): ConfusionScores {
    const tally = this.#tally();
    for (const day of days) tally.add(this.#answer(version, day));
    return tally.scores();
  }

  /** What a version says of a day; it is asked once. */
  #answer(version: SimulatedVersion, { startMs, rows }: Day): DayAnswers {
    const key = `${version.id} ${startMs}`;
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const answers = { rows, ...version.answer(rows) };
    this.#answers.set(key, answers);
    return answers;
  }

  /** The newest of the rows end the training. */
  async #train(rows: readonly number[], nowMs: number): Promise<SimulatedVersion> {
    const cut = trainingRows(rows.length);
    this.#made += 1;
    const id = String(this.#made);
    this.#request.progress(`training version ${id} with ${rows.length} flows to ${isoDay(nowMs)}`);
    const parts = { train: rows.slice(0, cut), validation: rows.slice(cut) };
    const version = await SimulatedVersion.train(id, this.#flows, parts, this.#request.training);
    this.#versions.set(id, version);
    return version;
  }

  #serving(): SimulatedVersion {
    return this.#version(this.#state.serving ?? '');
  }

  #version(id: string): SimulatedVersion {
    const version = this.#versions.get(id);
    if (version === undefined) throw new Error(`no version ${id}`); // only trained versions are named
    return version;
  }

  #drop(version: SimulatedVersion): void {
    this.#versions.delete(version.id);
    version.dispose();
  }

  #recentDays(endMs: number, notBeforeMs: number | null): Day[] {
    return this.#daysWithin(retrainSpan({ endMs, notBeforeMs, weeks: this.#request.recentWeeks }));
  }

  #daysWithin({ fromMs, toMs }: FlowSpan): Day[] {
    return this.#days.filter(({ startMs }) => startMs >= fromMs && startMs < toMs);
  }

  #tally(): WeekTally {
    return new WeekTally(this.#flows);
  }

  #alarms(): SimulatedAlarm[] {
    const gains = new Map(this.#retrains.map((one) => [one.partition, one.gainNextWeek]));
    return this.#decisions
      .filter(({ kind }) => kind === 'retrain' || kind === 'held' || kind === 'notice')
      .flatMap(({ kind, partition, evidence }) => {
        const retrained = kind === 'retrain';
        const gainNextWeek = (retrained ? gains.get(partition)?.weightedF1 : null) ?? null;
        const cause = textsOf(evidence['causes']).join('; ');
        return textsOf(evidence['alarms']).map((signal) => ({
          ...{ partition, signal, cause, retrained, gainNextWeek },
        }));
      });
  }

  #promotedRetrains(): SimulatedRetrain[] {
    const promoted = new Set(
      this.#decisions
        .filter(({ kind }) => kind === 'promoted')
        .map(({ evidence }) => evidence['challenger']),
    );
    return this.#retrains.map((one) => ({ ...one, promoted: promoted.has(one.challenger) }));
  }
}

/** Scores over days. */
class WeekTally {
  readonly #flows: SimulatedFlows;
  readonly #labels: number[] = [];
  readonly #predicted: number[] = [];

  constructor(flows: SimulatedFlows) {
    this.#flows = flows;
  }

  add({ rows, predicted }: Pick<DayAnswers, 'rows' | 'predicted'>): void {
    rows.forEach((row, i) => {
      this.#labels.push(this.#flows.labels[row] ?? -1);
      this.#predicted.push(predicted[i] ?? -1);
    });
  }

  scores(): ConfusionScores {
    const { names } = this.#flows;
    const confusion = confusionMatrix(
      Int32Array.from(this.#labels),
      Int32Array.from(this.#predicted),
      names.length,
    );
    return scoreConfusion(confusion, names);
  }
}

function rowsOf(days: readonly Day[]): number[] {
  return days.flatMap(({ rows }) => rows);
}

/** Answers to several days as those to one window. */
function joinAnswers(answers: readonly Answered[]): Answered {
  const [only] = answers;
  if (only !== undefined && answers.length === 1) return only;
  const rejects = answers.map(({ rejected }) => rejected);
  const all = <T extends number>(of: (one: Answered) => ArrayLike<T>): T[] =>
    answers.flatMap((one) => Array.from(of(one)));
  return {
    n: answers.reduce((sum, { n }) => sum + n, 0),
    blocks: Int32Array.from(all(({ blocks }) => blocks)),
    predicted: Int32Array.from(all(({ predicted }) => predicted)),
    right: Int8Array.from(all(({ right }) => right)),
    confidence: Float64Array.from(all(({ confidence }) => confidence)),
    rejected: rejects.includes(null)
      ? null
      : Uint8Array.from(rejects.flatMap((one) => Array.from(one ?? []))),
  };
}

function textsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** Rows by UTC day, in order of time. */
function daysOf(timeFirstMs: Float64Array): Day[] {
  const order = [...timeFirstMs.keys()].sort(
    (a, b) => (timeFirstMs[a] ?? 0) - (timeFirstMs[b] ?? 0) || a - b,
  );
  const days = new Map<number, number[]>();
  for (const row of order) {
    const day = Math.floor((timeFirstMs[row] ?? 0) / DAY_MS) * DAY_MS;
    const own = days.get(day);
    if (own === undefined) days.set(day, [row]);
    else own.push(row);
  }
  return [...days].map(([startMs, rows]) => ({ startMs, rows }));
}

/** Fewer flows make no week: the first day of a week of local time begins on the Sunday before. */
const MIN_WEEK_ROWS = 200;

/** Monday of the first week with enough flows, UTC. */
function firstWeek(days: readonly Day[]): number {
  const rows = new Map<number, number>();
  for (const day of days) {
    const monday = weekStart(isoWeekOf(new Date(day.startMs))).getTime();
    rows.set(monday, (rows.get(monday) ?? 0) + day.rows.length);
  }
  return [...rows].find(([, n]) => n >= MIN_WEEK_ROWS)?.[0] ?? 0;
}

function isFirstOfMonth(ms: number): boolean {
  return new Date(ms).getUTCDate() === 1;
}

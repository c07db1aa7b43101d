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
import { judgeWindow } from '../../domain/drift/judge-window.js';
import {
  startLoop,
  stepLoop,
  versionsToScore,
  type Decision,
  type LoopCommand,
  type LoopEvent,
  type LoopState,
} from '../../domain/lifecycle/loop.js';
import {
  cutRetraining,
  retrainSpan,
  trainingRows,
  type FlowSpan,
} from '../../domain/lifecycle/retrain-window.js';
import type { FlowSet } from '../../feature-store/read-flows.js';
import { confusionMatrix, scoreConfusion } from '../../models/evaluation/classification.js';
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

/** An alarm, and whether the model was retrained for it. */
export interface SimulatedAlarm {
  readonly partition: string;
  readonly signal: string;
  readonly cause: string;
  readonly retrained: boolean;
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

class LifecycleSimulation {
  readonly #request: SimulationRequest;
  readonly #flows: SimulatedFlows;
  readonly #days: readonly Day[];
  readonly #versions = new Map<string, SimulatedVersion>();
  readonly #decisions: Decision[] = [];
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
      for (const day of days) {
        if (isFirstOfMonth(day.startMs) && day.startMs > servedMs) {
          const recent = this.#recentDays(day.startMs, null);
          const next = await this.#train(rowsOf(recent), day.startMs);
          if (calendar.id !== first.id) this.#drop(calendar);
          calendar = next;
          calendarRetrains += 1;
        }
        scores.frozen.add(day.rows, first.answer(day.rows).predicted);
        scores.calendar.add(day.rows, calendar.answer(day.rows).predicted);
        scores.loop.add(day.rows, this.#serving().answer(day.rows).predicted);
        await this.#judge('day', day.startMs, day.startMs + DAY_MS, day.rows);
      }
      const rows = days.flatMap((day) => day.rows);
      if (rows.length < MIN_WEEK_ROWS) continue;
      await this.#judge('week', weekMs, weekMs + WEEK_MS, rows);
      const week = {
        ...{
          partition: isoWeekOf(new Date(weekMs)),
          rows: rows.length,
          version: this.#serving().id,
        },
        frozen: scores.frozen.weightedF1(),
        calendar: scores.calendar.weightedF1(),
        loop: scores.loop.weightedF1(),
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
    rows: readonly number[],
  ): Promise<void> {
    const serving = this.#serving();
    const answers = serving.answer(rows);
    const judged = judgeWindow({
      reference: serving.reference,
      current: this.#flows.windowOf(rows, serving.bins),
      classes: this.#flows.names,
      heldOut: serving.heldOut,
      answered: answers.answered,
      withShares: length === 'week',
    });
    const partition = length === 'day' ? isoDay(startMs) : isoWeekOf(new Date(startMs));
    const scores = versionsToScore(this.#state).map((id) => {
      const tally = this.#tally();
      const { predicted } = id === serving.id ? answers : this.#version(id).answer(rows);
      tally.add(rows, predicted);
      return { version: id, weightedF1: tally.weightedF1() };
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
    { notBeforeMs, afterSchemaBreak }: Extract<LoopCommand, { kind: 'start_retrain' }>,
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
      const rows = this.#flows.unseen(recent.slice(heldOutFrom), train);
      const gate = this.#compare(this.#serving(), challenger, rows);
      const versions = { champion: this.#serving().id, challenger: challenger.id };
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
    const retrained = new Set(
      this.#decisions.filter(({ kind }) => kind === 'retrain').map(({ partition }) => partition),
    );
    return this.#decisions
      .filter(({ kind }) => kind === 'retrain' || kind === 'held' || kind === 'notice')
      .flatMap(({ kind, partition, evidence }) =>
        textsOf(evidence['alarms']).map((signal) => ({
          ...{ partition, signal, cause: textsOf(evidence['causes']).join('; ') },
          retrained: kind !== 'notice' && retrained.has(partition),
        })),
      );
  }
}

/** Weighted F1 over the days of a week. */
class WeekTally {
  readonly #flows: SimulatedFlows;
  readonly #labels: number[] = [];
  readonly #predicted: number[] = [];

  constructor(flows: SimulatedFlows) {
    this.#flows = flows;
  }

  add(rows: readonly number[], predicted: Int32Array): void {
    rows.forEach((row, i) => {
      this.#labels.push(this.#flows.labels[row] ?? -1);
      this.#predicted.push(predicted[i] ?? -1);
    });
  }

  weightedF1(): number {
    const { names } = this.#flows;
    const confusion = confusionMatrix(
      Int32Array.from(this.#labels),
      Int32Array.from(this.#predicted),
      names.length,
    );
    return scoreConfusion(confusion, names).weightedF1;
  }
}

function rowsOf(days: readonly Day[]): number[] {
  return days.flatMap(({ rows }) => rows);
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

function isoDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

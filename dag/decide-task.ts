/**
 * Whether a waiting task may run: the choice of its branches first, then what it maps over, then setups
 * further up, then its trigger rule. One function for the interpreter, the test run and every display.
 */
import type { Json } from '../contracts/json.js';
import { isTerminal, type TaskState } from '../contracts/states.js';
import { tasksRead } from './expression.js';
import type { Graph } from './graph.js';
import { isTruthy, type PlanTask } from './plan.js';
import { countedStates, taskOutput, type TaskRecord } from './run-record.js';
import { decide, explain, type Upstream } from './trigger-rules.js';

/** What becomes of a task now. */
export type Decision =
  | { readonly kind: 'run' }
  | { readonly kind: 'wait' }
  | {
      readonly kind: 'settle';
      readonly state: 'skipped' | 'upstream_failed';
      readonly reason: string;
    };

type Records = { readonly [id: string]: TaskRecord };

/** The decision on a task in state `none`. */
export function decideTask(graph: Graph, task: PlanTask, records: Records): Decision {
  const notChosen = chosenAgainst(graph, task, records);
  if (notChosen !== undefined) return notChosen;
  const byRule = ruleDecision(graph, task, records);
  // as in Airflow, a rule's upstream_failed outweighs a producer that was skipped
  if (byRule.kind === 'settle' && byRule.state === 'upstream_failed') return byRule;
  const byProducer = producerVerdict(graph, task, records);
  if (byProducer !== undefined) return byProducer;
  return byRule.kind === 'run' ? run(task, records) : byRule;
}

/** What the setups further up and the trigger rule make of it. */
function ruleDecision(graph: Graph, task: PlanTask, records: Records): Decision {
  if (task.upstream.length === 0 || task.triggerRule === 'always') return { kind: 'run' };
  const setups = graph.setupsFurtherUp(task.id);
  const bySetup = setupVerdict(setups, records);
  if (bySetup !== undefined) return bySetup;
  const upstream = upstreamOf(graph, task, records);
  const verdict = decide(task.triggerRule, upstream);
  if (verdict === 'skipped' || verdict === 'upstream_failed') {
    return { kind: 'settle', state: verdict, reason: explain(task.triggerRule, upstream) };
  }
  const open = [...setups, ...graph.teardownScope(task.id)].some(isOpen(records));
  return { kind: verdict === 'run' && open ? 'wait' : verdict };
}

/** As in Airflow, a task that may run before what it maps over has ended cannot run at all. */
function run(task: PlanTask, records: Records): Decision {
  const early = producersOf(task).find(isOpen(records));
  if (early === undefined) return { kind: 'run' };
  const reason = `maps over ${early}, which has not ended yet`;
  return { kind: 'settle', state: 'upstream_failed', reason };
}

/** Why a task in state `none` waits. Asked after every event, so the last answer is kept. */
export function whyWaiting(graph: Graph, task: PlanTask, records: Records): string {
  const upstream = task.upstream.map((id) => records[id]!); // see `newRun`
  const last = lastAnswers.get(task);
  if (last?.upstream.every((record, index) => record === upstream[index]) === true)
    return last.text;
  const text = explainWait(graph, task, records);
  // what else it waits for may change while its upstream tasks do not
  if (text.includes(ALSO_WAITS)) lastAnswers.delete(task);
  else lastAnswers.set(task, { upstream, text });
  return text;
}

const ALSO_WAITS = '; waits for ';
const lastAnswers = new WeakMap<PlanTask, { upstream: readonly TaskRecord[]; text: string }>();

function explainWait(graph: Graph, task: PlanTask, records: Records): string {
  const open = [...graph.setupsFurtherUp(task.id), ...graph.teardownScope(task.id)];
  const others = open.filter(isOpen(records));
  const rule = explain(task.triggerRule, upstreamOf(graph, task, records));
  return others.length === 0 ? rule : `${rule}${ALSO_WAITS}${others.join(', ')}`;
}

/** What the choice of a task skips: direct downstream tasks, or with `all` everything further down. */
export function skippedBy(graph: Graph, task: PlanTask, output: Json, all: boolean): string[] {
  const { branch, shortCircuit } = task;
  const downstream = graph.downstream(task.id);
  if (shortCircuit !== null && !isTruthy(output)) {
    const reach =
      all && shortCircuit.ignoreDownstreamTriggerRules ? graph.descendants(task.id) : downstream;
    return [...reach].filter((id) => graph.task(id).teardown === null);
  }
  if (branch === null) return [];
  const chosen = chosenTasks(graph, task, output) ?? [];
  // as in Airflow, a task that can also be reached from a chosen one goes on
  const goesOn = (id: string): boolean =>
    chosen.includes(id) || chosen.some((other) => graph.descendants(other).has(id));
  return downstream.filter((id) => !goesOn(id));
}

/** The ids that a branch's output stands for; undefined for a word that it does not have. */
export function chosenTasks(graph: Graph, task: PlanTask, output: Json): string[] | undefined {
  const words: readonly Json[] = output === null ? [] : Array.isArray(output) ? output : [output]; // any JSON
  const chosen: string[] = [];
  for (const word of words) {
    if (typeof word !== 'string') return undefined;
    const ids = task.branch?.cases[word] ?? (graph.has(word) ? [word] : undefined);
    if (ids === undefined) return undefined;
    chosen.push(...ids);
  }
  return chosen;
}

/** True for a task that maps over a list in the plan itself. Airflow makes its instances with the run. */
export function mapsOverLiteral(task: PlanTask): boolean {
  const over = task.map?.over;
  return Array.isArray(over) && over.length > 0 && tasksRead(over).length === 0;
}

function chosenAgainst(graph: Graph, task: PlanTask, records: Records): Decision | undefined {
  for (const decider of graph.deciders(task.id)) {
    const record = records[decider.id];
    if (record?.state !== 'success') continue;
    const output = taskOutput(decider, record) ?? null;
    if (!skippedBy(graph, decider, output, false).includes(task.id)) continue;
    const reason = `${decider.id} chose ${JSON.stringify(output)}`;
    return { kind: 'settle', state: 'skipped', reason };
  }
  return undefined;
}

/** A task that maps over what will not come is settled at once, whatever its rule. */
function producerVerdict(graph: Graph, task: PlanTask, records: Records): Decision | undefined {
  const states = producersOf(task)
    .filter((id) => {
      const producer = graph.task(id);
      const expanded = records[id]!.instances.length > 0 || mapsOverLiteral(producer); // see `newRun`
      return producer.map === null || !expanded;
    })
    .map((id) => [id, records[id]!.state] as const); // see `newRun`
  const failed = states.find(([, state]) => state === 'failed' || state === 'upstream_failed');
  if (failed !== undefined) return settle('upstream_failed', `maps over`, failed);
  const skipped = states.find(([, state]) => state === 'skipped');
  return skipped === undefined ? undefined : settle('skipped', `maps over`, skipped);
}

/** Tasks whose outputs a mapped task maps over. */
export function producersOf(task: PlanTask): string[] {
  return task.map === null ? [] : tasksRead(task.map.over);
}

function setupVerdict(setups: readonly string[], records: Records): Decision | undefined {
  const states = setups.flatMap(
    (id) => countedStates(records[id]!).map((state) => [id, state] as const), // see `newRun`
  );
  const failed = states.find(([, state]) => state === 'failed' || state === 'upstream_failed');
  if (failed !== undefined) return settle('upstream_failed', 'needs the setup', failed);
  const skipped = states.find(([, state]) => state === 'skipped');
  return skipped === undefined ? undefined : settle('skipped', 'needs the setup', skipped);
}

function settle(
  state: 'skipped' | 'upstream_failed',
  why: string,
  [id, of]: readonly [string, TaskState],
): Decision {
  return { kind: 'settle', state, reason: `${why} ${id}, which is ${of}` };
}

function isOpen(records: Records): (id: string) => boolean {
  return (id) => !isTerminal(records[id]!.state); // see `newRun`
}

/** The direct upstream tasks as a trigger rule sees them. */
function upstreamOf(graph: Graph, task: PlanTask, records: Records): Upstream[] {
  return task.upstream.map((id) => ({
    id,
    states: countedStates(records[id]!), // `newRun` made one for every task of the plan
    setup: graph.task(id).setup,
  }));
}

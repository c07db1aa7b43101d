/**
 * Tasks that no run can ever reach. Every task gets the set of states it may end in, from the sets of its
 * upstream tasks and its trigger rule; for a branch that chooses one word, once for each word.
 */
import type { TaskState, TriggerRule } from '../contracts/states.js';
import type { DeclaredTask } from './declare.js';
import { reached } from './graph.js';
import { isTruthy } from './plan.js';
import { decide, type Upstream } from './trigger-rules.js';

/** A task that never runs, and why. */
export interface Unreachable {
  readonly task: string;
  readonly why: string;
  readonly fix: string;
}

/** What a branch may choose: undefined for any of its words, none or several. */
export type ChoiceOf = (branch: DeclaredTask) => readonly string[] | undefined;

type EndState = Exclude<TaskState, 'none' | 'running'>;

/** How the run goes on behind a branch: a word of it was chosen, or the branch did not succeed. */
interface Scenario {
  readonly branch: string;
  readonly word: string | null;
}

interface Ends {
  readonly runs: boolean;
  readonly states: ReadonlySet<EndState>;
}

/**
 * Unreachable tasks, those left out that only wait for another of them.
 *
 * @param tasks upstream before downstream
 */
export function unreachableTasks(
  tasks: readonly DeclaredTask[],
  choiceOf: ChoiceOf,
): Unreachable[] {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const descendants = descendantsOf(tasks);
  const found = new Map<string, Unreachable>();
  const everything = new Set(byId.keys());
  const base = new Map<string, Ends>();
  simulate(everything, undefined, base);
  for (const task of tasks) {
    if (base.get(task.id)?.runs === false) found.set(task.id, { task: task.id, ...reasonOf(task) });
  }
  for (const branch of tasks) {
    const words = branch.branch === null ? undefined : choiceOf(branch);
    if (words === undefined) continue;
    const behind = descendants(branch.id);
    const scenarios = [...words, null].map((word) => {
      const ends = new Map(base);
      simulate(behind, { branch: branch.id, word }, ends);
      return ends;
    });
    for (const id of behind) {
      if (found.has(id) || scenarios.some((ends) => ends.get(id)?.runs === true)) continue;
      found.set(id, { task: id, ...reasonBehind(branch, byId.get(id)!, scenarios) }); // an id of this DAG
    }
  }
  const isCause = ({ task }: Unreachable): boolean =>
    byId.get(task)?.upstream.some((id) => found.has(id)) === false;
  return [...found.values()].filter(isCause);

  /** Works out the ends of some tasks, given those of the others. */
  function simulate(
    ids: ReadonlySet<string>,
    scenario: Scenario | undefined,
    ends: Map<string, Ends>,
  ): void {
    if (scenario !== undefined) {
      const { states } = ends.get(scenario.branch)!; // the base has every task
      const rest = [...states].filter((state) => state !== 'success');
      const fixed = scenario.word === null ? rest : (['success'] as const);
      ends.set(scenario.branch, { runs: true, states: new Set(fixed) });
    }
    for (const task of tasks) {
      if (ids.has(task.id)) ends.set(task.id, endsOf(task, task.triggerRule, scenario, ends));
    }
  }

  function endsOf(
    task: DeclaredTask,
    rule: TriggerRule,
    scenario: Scenario | undefined,
    ends: ReadonlyMap<string, Ends>,
  ): Ends {
    const skip = skippedBefore(task, scenario, ends);
    const verdicts = skip === 'always' ? new Set<string>() : verdictsOf(task, rule, ends, byId);
    const runs = verdicts.has('run') && task.when !== false;
    const states = new Set<EndState>();
    if (runs) statesOfRun(task).forEach((state) => states.add(state));
    if (verdicts.has('upstream_failed')) states.add('upstream_failed');
    if (
      skip !== 'never' ||
      verdicts.has('skipped') ||
      (verdicts.has('run') && task.when !== null)
    ) {
      states.add('skipped');
    }
    return { runs, states };
  }

  /** Whether a branch or short circuit before the task skips it. */
  function skippedBefore(
    task: DeclaredTask,
    scenario: Scenario | undefined,
    ends: ReadonlyMap<string, Ends>,
  ): 'always' | 'sometimes' | 'never' {
    let skip: 'sometimes' | 'never' = 'never';
    const waits = task.upstream.length === 1 || !EARLY.includes(task.triggerRule);
    for (const id of task.upstream) {
      const decider = byId.get(id);
      if (decider === undefined) continue;
      const { branch, shortCircuit, input } = decider;
      const succeeds = ends.get(id)?.states.has('success') === true;
      if (!succeeds || (branch === null && shortCircuit === null)) continue;
      if (shortCircuit !== null) {
        if (task.teardown !== null) continue;
        const isOpen = input !== null && typeof input === 'object';
        if (!isOpen && isTruthy(input)) continue;
        if (!isOpen && waits && ends.get(id)?.states.size === 1) return 'always';
        skip = 'sometimes';
      } else if (scenario?.branch !== id || scenario.word === null) {
        skip = 'sometimes';
      } else {
        const chosen = branch?.cases[scenario.word] ?? [scenario.word];
        const goesOn = chosen.some((other) => other === task.id || descendants(other).has(task.id));
        if (!goesOn && waits) return 'always';
        if (!goesOn) skip = 'sometimes';
      }
    }
    return skip;
  }

  function reasonOf(task: DeclaredTask): Omit<Unreachable, 'task'> {
    if (task.when === false) {
      return { why: '`when` is false', fix: 'drop the task or its condition' };
    }
    const closed = task.upstream
      .map((id) => byId.get(id))
      .find((other) => other?.shortCircuit != null && isLiteralFalse(other));
    if (closed !== undefined) {
      return {
        why: `"${closed.id}" never lets it`,
        fix: `correct the condition of "${closed.id}"`,
      };
    }
    const upstream = task.upstream.map(
      (id) => `${id} ends as ${[...(base.get(id)?.states ?? [])].join(' or ')}`,
    );
    return {
      why: `its rule is ${task.triggerRule}, and ${upstream.join(', ')}`,
      fix: ruleThatRuns(task, [base]),
    };
  }

  function reasonBehind(
    branch: DeclaredTask,
    task: DeclaredTask,
    scenarios: readonly ReadonlyMap<string, Ends>[],
  ): Omit<Unreachable, 'task'> {
    const cases = branch.branch?.cases ?? {};
    if (task.upstream.includes(branch.id) && !Object.values(cases).flat().includes(task.id)) {
      return {
        why: `it follows the branch "${branch.id}", but none of its words`,
        fix: `let it follow a word: ${Object.keys(cases).join(', ')}`,
      };
    }
    return {
      why: `its rule is ${task.triggerRule}, and "${branch.id}" lets only one of its words go on`,
      fix: ruleThatRuns(task, scenarios),
    };
  }

  function ruleThatRuns(
    task: DeclaredTask,
    scenarios: readonly ReadonlyMap<string, Ends>[],
  ): string {
    const rule = RELAXED.find((other) =>
      scenarios.some((ends) => verdictsOf(task, other, ends, byId).has('run')),
    );
    return rule === undefined
      ? 'drop it, or let it follow other tasks'
      : `give it triggerRule: '${rule}'`;
  }
}

/** Where nothing is known: a task that does not exist, or waits for itself, is another fault. */
const ANY_STATE: readonly EndState[] = ['success', 'failed', 'skipped', 'upstream_failed'];

/** Rules that let a task run before all of its upstream tasks have ended. */
const EARLY: readonly TriggerRule[] = ['always', 'one_success', 'one_failed', 'one_done'];

/** Rules to propose, the closest to the default first. */
const RELAXED: readonly TriggerRule[] = [
  'none_failed_min_one_success',
  'all_success',
  'none_failed',
  'all_done',
];

/** States that a task may end in once it runs. */
function statesOfRun({ target, map, branch }: DeclaredTask): EndState[] {
  if (map !== null) return ['success', 'failed', 'skipped'];
  switch (target.kind) {
    case 'activity':
    case 'workflow':
      return ['success', 'failed', 'skipped'];
    case 'approval':
      return ['success', 'failed'];
    case 'inline':
      return branch === null ? ['success'] : ['success', 'failed']; // a word that it does not have
    case 'latest_only':
      return ['success'];
  }
}

function isLiteralFalse({ input }: DeclaredTask): boolean {
  return (input === null || typeof input !== 'object') && !isTruthy(input);
}

/**
 * What a rule may say of a task. A rule looks only at which states are there, so it is enough to follow
 * the sets of states that are there together.
 */
function verdictsOf(
  task: DeclaredTask,
  rule: TriggerRule,
  ends: ReadonlyMap<string, Ends>,
  byId: ReadonlyMap<string, DeclaredTask>,
): Set<string> {
  if (task.upstream.length === 0 || rule === 'always') return new Set(['run']);
  let together = new Map<string, readonly Upstream[]>([['', []]]);
  for (const id of task.upstream) {
    const setup = byId.get(id)?.setup === true;
    const next = new Map<string, readonly Upstream[]>();
    for (const before of together.values()) {
      for (const state of ends.get(id)?.states ?? ANY_STATE) {
        const isThere = before.some((one) => one.states[0] === state && one.setup === setup);
        const after = isThere ? before : [...before, { id, states: [state], setup }];
        next.set(
          after
            .map((one) => `${one.states[0]}${one.setup ? '!' : ''}`)
            .sort()
            .join(),
          after,
        );
      }
    }
    together = next;
  }
  return new Set([...together.values()].map((upstream) => decide(rule, upstream)));
}

function descendantsOf(tasks: readonly DeclaredTask[]): (id: string) => ReadonlySet<string> {
  const downstream = new Map<string, string[]>(tasks.map(({ id }) => [id, []]));
  for (const { id, upstream } of tasks) {
    upstream.forEach((other) => downstream.get(other)?.push(id));
  }
  return reached((id) => downstream.get(id) ?? []);
}

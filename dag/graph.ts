/** What follows from a plan's edges, worked out once for each plan. */
import { tasksRead } from './expression.js';
import type { Plan, PlanTask } from './plan.js';

/** The edges of a plan from every side. */
export interface Graph {
  task(id: string): PlanTask;
  has(id: string): boolean;
  /** Ids of direct downstream tasks, in the order of the plan. */
  downstream(id: string): readonly string[];
  /** Ids of all tasks that can be reached downstream. */
  descendants(id: string): ReadonlySet<string>;
  /** Ids of all tasks that can be reached upstream. */
  ancestors(id: string): ReadonlySet<string>;
  /** Direct upstream tasks that choose what goes on: branches and short circuits. */
  deciders(id: string): readonly PlanTask[];
  /** Setups that a task needs although it does not follow them directly. */
  setupsFurtherUp(id: string): readonly string[];
  /** What lies between a teardown and its setups: it runs after all of that. */
  teardownScope(id: string): readonly string[];
  /** Tasks whose decision may change when this task does. */
  watchers(id: string): readonly string[];
  /** Tasks whose failure fails the run: those with nothing but ignored teardowns behind them. */
  readonly leaves: readonly string[];
}

const graphs = new WeakMap<Plan, Graph>();

/** The graph of a plan. */
export function graphOf(plan: Plan): Graph {
  const known = graphs.get(plan);
  if (known !== undefined) return known;
  const graph = build(plan);
  graphs.set(plan, graph);
  return graph;
}

function build(plan: Plan): Graph {
  const byId = new Map(plan.tasks.map((task) => [task.id, task]));
  const downstream = new Map<string, string[]>(plan.tasks.map(({ id }) => [id, []]));
  for (const { id, upstream } of plan.tasks) {
    for (const other of upstream) downstream.get(other)?.push(id);
  }
  const upstreamOf = (id: string): readonly string[] => byId.get(id)?.upstream ?? [];
  const downstreamOf = (id: string): readonly string[] => downstream.get(id) ?? [];
  const descendants = reached(downstreamOf);
  const ancestors = reached(upstreamOf);
  const deciders = new Map(
    plan.tasks.map(({ id, upstream }) => [
      id,
      upstream
        .map((other) => byId.get(other))
        .filter((task) => task !== undefined)
        .filter(({ branch, shortCircuit }) => branch !== null || shortCircuit !== null),
    ]),
  );
  const setupsFurtherUp = remembered((id): readonly string[] => {
    if (byId.get(id)?.teardown !== null) return [];
    return [...ancestors(id)].filter((other) => {
      if (byId.get(other)?.setup !== true || upstreamOf(id).includes(other)) return false;
      const teardowns = downstreamOf(other).filter((next) => byId.get(next)?.teardown !== null);
      return teardowns.length === 0 || teardowns.some((next) => descendants(id).has(next));
    });
  });
  const teardownScope = remembered((id): readonly string[] => {
    if (byId.get(id)?.teardown === null) return [];
    const setups = upstreamOf(id).filter((other) => byId.get(other)?.setup === true);
    return [...ancestors(id)].filter(
      (other) =>
        !upstreamOf(id).includes(other) && setups.some((setup) => descendants(setup).has(other)),
    );
  });
  const watchers = new Map(plan.tasks.map(({ id }) => [id, new Set(downstreamOf(id))]));
  for (const { id, map } of plan.tasks) {
    const others = [...setupsFurtherUp(id), ...teardownScope(id), ...tasksRead(map?.over ?? null)];
    for (const other of others) watchers.get(other)?.add(id);
  }
  const ignorable = (id: string): boolean => byId.get(id)?.teardown?.onFailureFailRun === false;
  const ids = plan.tasks.map(({ id }) => id);
  const isLast = (id: string): boolean => downstreamOf(id).length === 0;
  const effectiveLeaves = ids.filter((id) => !ignorable(id) && downstreamOf(id).every(ignorable));
  return {
    task: (id) => byId.get(id)!, // ids come from this plan; `compile` has checked its edges
    has: (id) => byId.has(id),
    downstream: downstreamOf,
    descendants,
    ancestors,
    deciders: (id) => deciders.get(id) ?? [],
    setupsFurtherUp,
    teardownScope,
    watchers: remembered((id) => [...(watchers.get(id) ?? [])]),
    leaves: effectiveLeaves.length > 0 ? effectiveLeaves : ids.filter(isLast),
  };
}

/** All ids that `next` leads to from an id, the id itself only in a cycle. */
export function reached(
  next: (id: string) => readonly string[],
): (id: string) => ReadonlySet<string> {
  return remembered((id) => {
    const found = new Set<string>();
    const open = [...next(id)];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (found.has(at)) continue;
      found.add(at);
      open.push(...next(at));
    }
    return found;
  });
}

function remembered<T>(of: (id: string) => T): (id: string) => T {
  const known = new Map<string, T>();
  return (id) => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const value = of(id);
    known.set(id, value);
    return value;
  };
}

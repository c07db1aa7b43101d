/** Which DAGs follow which, by the assets that one updates and another is scheduled by. */
import { assetsOf } from './assets.js';
import type { Plan } from './plan.js';

/** Assets that a run of the plan updates. */
export function updatedAssets(plan: Plan): string[] {
  return [...new Set(plan.tasks.flatMap(({ updates }) => updates))];
}

/** Plans other than `plan` whose updates start a run of it. */
export function upstreamDags(plans: readonly Plan[], plan: Plan): Plan[] {
  return othersUpdating(plans, plan, awaitedAssets(plan));
}

/** Plans other than `plan` whose updates make a run of it stale: it is started by them, or reads them. */
export function sourceDags(plans: readonly Plan[], plan: Plan): Plan[] {
  return othersUpdating(plans, plan, [...awaitedAssets(plan), ...plan.reads]);
}

/** Plans that follow `dag`, directly or through others, with partitions of its kind; each after all that it follows. */
export function downstreamDags(plans: readonly Plan[], dag: string): Plan[] {
  const kindOf = (plan: Plan | undefined): string => JSON.stringify(plan?.partitions);
  const kind = kindOf(plans.find((plan) => plan.dag === dag));
  const sameKind = plans.filter((plan) => kindOf(plan) === kind);
  const ordered: Plan[] = [];
  const seen = new Set([dag]);
  const visit = (upstream: string): void => {
    for (const plan of sameKind) {
      if (seen.has(plan.dag)) continue;
      if (!upstreamDags(sameKind, plan).some((other) => other.dag === upstream)) continue;
      seen.add(plan.dag);
      visit(plan.dag);
      ordered.unshift(plan); // all that follow it stand in the list already
    }
  };
  visit(dag);
  return ordered;
}

function awaitedAssets({ schedule }: Plan): string[] {
  return schedule?.assets === undefined ? [] : assetsOf(schedule.assets);
}

function othersUpdating(plans: readonly Plan[], plan: Plan, assets: readonly string[]): Plan[] {
  return plans.filter(
    (other) => other.dag !== plan.dag && updatedAssets(other).some((of) => assets.includes(of)),
  );
}

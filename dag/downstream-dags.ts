/** Which DAGs follow which, by the assets that one updates and another is scheduled by. */
import type { Plan } from './plan.js';

/** What a plan may say of assets. */
interface AssetsOfPlan {
  readonly tasks: readonly { readonly updates?: readonly string[] }[];
  readonly schedule: { readonly assets?: readonly string[] } | null;
  readonly reads?: readonly string[];
}

/** Assets that a run of the plan updates. */
export function updatedAssets(plan: Plan): string[] {
  return [...new Set(assetsOf(plan).tasks.flatMap(({ updates = [] }) => updates))];
}

/** Assets whose update starts a run of the plan. */
function awaitedAssets(plan: Plan): readonly string[] {
  return assetsOf(plan).schedule?.assets ?? [];
}

/** Tables that a run of the plan reads, partition by partition. */
export function readTables(plan: Plan): readonly string[] {
  return assetsOf(plan).reads ?? [];
}

/** Plans whose updates start a run of `plan`. */
export function upstreamDags(plans: readonly Plan[], plan: Plan): Plan[] {
  const awaited = new Set(awaitedAssets(plan));
  return plans.filter(
    (other) => other.dag !== plan.dag && updatedAssets(other).some((asset) => awaited.has(asset)),
  );
}

/** Plans that follow `dag`, directly or through others, with partitions of its kind; each after all that it follows. */
export function downstreamDags(plans: readonly Plan[], dag: string): Plan[] {
  const kind = plans.find((plan) => plan.dag === dag)?.partitions;
  const sameKind = plans.filter(({ partitions }) => partitions === kind);
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

function assetsOf(plan: Plan): AssetsOfPlan {
  return plan as unknown as AssetsOfPlan; // a plan that declares no assets lacks these fields
}

/** What commands read runs from: the tables and plans of the home, its server while it runs, this code. */
import type { Client } from '@temporalio/client';
import { activityCatalogue } from '../activities/catalogue.js';
import { compiledPlans } from '../activities/compiled-plans.js';
import { planStore, type PlanStore } from '../activities/plan-store.js';
import { closedRuns } from '../activities/runs/closed-runs.js';
import type { RunSources } from '../activities/runs/locate-run.js';
import type { RerunSources } from '../activities/runs/prepare-rerun.js';
import type { HomeLayout } from '../contracts/home.js';
import { ifRunning } from './home.js';
import { say } from './output.js';

/** Runs of a home; closed ones only while nothing runs on it. */
export async function withRuns<T>(
  layout: HomeLayout,
  use: (sources: RunSources & { readonly plans: PlanStore }) => Promise<T>,
): Promise<T> {
  const closed = closedRuns(layout);
  const plans = storedPlans(layout);
  const answer = await ifRunning(
    layout,
    async (temporal) => ({ result: await use({ closed, plans, temporal }) }),
    () => say('nothing runs on this home: closed runs only'),
  );
  return answer === undefined ? use({ closed, plans, temporal: undefined }) : answer.result;
}

/** What reruns of a home are made of. */
export function rerunSources(
  layout: HomeLayout,
  temporal: Client,
): RunSources & RerunSources & { readonly temporal: Client } {
  const closed = closedRuns(layout);
  const plans = planStore(layout.plans, compiledPlans());
  return { closed, plans, temporal, catalogue: activityCatalogue() };
}

/** Plans by hash; the newest of a DAG are not asked for. */
export function storedPlans(layout: HomeLayout): PlanStore {
  return planStore(layout.plans, new Map());
}

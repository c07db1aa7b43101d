/** `sentinel dags test`: a DAG runs in memory, by the code that runs it in Temporal, in virtual time. */
import { Command } from 'commander';
import { compiledPlans } from '../../activities/compiled-plans.js';
import { dagRunId } from '../../contracts/engine.js';
import { PipelineError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { runOutcomes } from '../../dag/outcomes.js';
import { resolveParams } from '../../dag/params.js';
import { checkPartition, partitionInterval } from '../../dag/partitions.js';
import { planHash } from '../../dag/plan-hash.js';
import type { Plan } from '../../dag/plan.js';
import { nextTimes, tickPartition } from '../../dag/schedule-times.js';
import { virtualRun, type VirtualOptions, type VirtualRun } from '../../dag/virtual-run.js';
import { planOf } from '../known-dags.js';
import { addParam, wholeNumber } from '../option-values.js';
import { printJson, table } from '../output.js';
import { readOutcomesFile, readPlanFile } from '../plan-file.js';
import { sampleOutput, sampleParams } from '../sample-output.js';

interface TestOptions {
  readonly at: string;
  readonly days?: string;
  readonly fail: Record<string, number>;
  readonly killWorker: readonly number[];
  readonly approve: Record<string, string>;
  readonly param: Record<string, Json>;
  readonly seed: string;
  readonly plan?: string;
  readonly outcomes?: string;
  readonly oneByOne: boolean;
  readonly timeline: boolean;
  readonly json: boolean;
}

const DAY_MS = 86_400_000;
/** A run without a time of its own starts then. */
const EPOCH_MS = Date.UTC(2022, 0, 3);

/** The `dags test` command. */
export function dagsTestCommand(): Command {
  return new Command('test')
    .description('run a DAG in memory, in virtual time, with faults; no server, no activity code')
    .argument('[dag]', 'see `sentinel dags list`; or --plan')
    .option('--at <partition>', 'such as 2022-W10', '')
    .option('--days <n>', 'let its schedule tick for so many virtual days from --at')
    .option('--fail <task:n>', 'the first n tries of a task (or of parse[3]) fail', addFail, {})
    .option('--kill-worker <n>', 'kill the worker as it starts the n-th try', addKill, [])
    .option('--approve <task=option>', 'answer an approval', addAnswer, {})
    .option('--param <k=v>', 'a parameter, as for `sentinel run`', addParam, {})
    .option('--seed <n>', 'decides durations, jitter and outputs', '1')
    .option('--plan <file>', 'run this plan, as `dags show --plan` writes it')
    .option('--outcomes <file>', 'how each task ends: see docs/dag.md')
    .option('--one-by-one', 'with --outcomes: decide again after each end, not after all', false)
    .option('--timeline', 'print all that happens, with its time', false)
    .option('--json', 'as JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  sentinel dags test weekly --at 2022-W10 --fail train:2 --kill-worker 3
  sentinel dags test weekly --at 2022-W10 --days 30 --fail plan_split:1
  sentinel dags test --plan plan.json --outcomes outcomes.json --json`,
    )
    .action(async (dag: string | undefined, options: TestOptions) => {
      const plan = await planToTest(dag, options);
      if (options.outcomes !== undefined) await testOutcomes(plan, options.outcomes, options);
      else if (options.days !== undefined) testSchedule(plan, options.days, options);
      else testRun(plan, options);
    });
}

async function planToTest(dag: string | undefined, options: TestOptions): Promise<Plan> {
  if (options.plan !== undefined && dag === undefined) return readPlanFile(options.plan);
  if (options.plan === undefined && dag !== undefined) return planOf(dag);
  throw usage('a DAG and --plan, or neither', 'one of the two', 'name the DAG, or give its plan');
}

async function testOutcomes(plan: Plan, file: string, options: TestOptions): Promise<void> {
  const outcomes = await readOutcomesFile(file, plan);
  const run = runOutcomes(plan, outcomes, options.oneByOne ? 'one by one' : 'waves');
  if (options.json) return printJson({ dag: plan.dag, ...run });
  const rows = Object.entries(run.tasks).map(([id, state]) => [
    id,
    state,
    run.instances[id]?.join(', ') ?? '',
    run.reasons[id] ?? '',
  ]);
  process.stdout.write(
    `${table(['task', 'state', 'instances', 'reason'], rows)}\n\n${plan.dag} ${run.state}\n`,
  );
}

function testRun(plan: Plan, options: TestOptions): void {
  checkPartition(plan.partitions, options.at);
  const startMs = partitionInterval(plan.partitions, options.at)?.endMs ?? EPOCH_MS;
  const run = virtualRun(plan, virtualOptions(plan, options, options.at, startMs));
  process.exitCode = run.record.state === 'success' ? 0 : 1;
  if (options.json) return printJson(runDocument(run, options));
  if (options.timeline) printTimeline(run, startMs);
  const rows = Object.entries(run.record.tasks).map(([id, task]) => {
    const { startedMs, finishedMs } = task;
    const seconds = startedMs === null ? '' : ((finishedMs ?? run.endMs) - startedMs) / 1_000;
    return [id, task.state, triesOf(run, id), seconds, task.reason];
  });
  process.stdout.write(
    `${table(['task', 'state', 'tries', 'seconds', 'note'], rows)}\n\n` +
      `${run.record.dagRunId} ${stateOf(run)} after ${(run.endMs - startMs) / 1_000} virtual seconds\n`,
  );
}

/** Each tick of the schedule runs the partition that it is about, one after the other. */
function testSchedule(plan: Plan, days: string, options: TestOptions): void {
  const { schedule } = plan;
  if (schedule === null) {
    throw usage(
      `--days for ${plan.dag}, which has no schedule`,
      'a scheduled DAG',
      'leave --days out',
    );
  }
  checkPartition(plan.partitions, options.at);
  const fromMs = partitionInterval(plan.partitions, options.at)?.startMs ?? EPOCH_MS;
  const ticks = nextTimes(schedule, fromMs, fromMs + wholeNumber('--days', days, 1) * DAY_MS);
  let freeMs = fromMs;
  const runs = ticks.map((tickMs) => {
    const partition = tickPartition(plan.partitions, tickMs, schedule.timeZone);
    const startMs = Math.max(tickMs, freeMs);
    const run = virtualRun(plan, virtualOptions(plan, options, partition, startMs));
    freeMs = run.endMs;
    return { tickMs, startMs, run };
  });
  process.exitCode = runs.every(({ run }) => run.record.state === 'success') ? 0 : 1;
  if (options.json) {
    return printJson(
      runs.map(({ tickMs, run }) => ({ tick: isoTime(tickMs), ...runDocument(run, options) })),
    );
  }
  const rows = runs.map(({ tickMs, startMs, run }) => [
    isoTime(tickMs),
    run.record.dagRunId,
    stateOf(run),
    (run.endMs - startMs) / 1_000,
    Object.values(run.tries).filter((tries) => tries > 1).length,
  ]);
  const head = ['tick', 'run', 'state', 'virtual seconds', 'tasks tried again'];
  process.stdout.write(`${table(head, rows)}\n`);
}

function virtualOptions(
  plan: Plan,
  options: TestOptions,
  partition: string,
  startMs: number,
): VirtualOptions {
  const plans = compiledPlans();
  const seed = wholeNumber('--seed', options.seed);
  return {
    dagRunId: dagRunId(plan.dag, partition),
    planHash: planHash(plan),
    partition,
    params: resolveParams(plan, sampleParams(plan, seed), options.param),
    startMs,
    seed,
    fail: options.fail,
    killWorker: options.killWorker,
    approve: options.approve,
    outputOf: (task, _input, random) => sampleOutput(task, random),
    planOf: (type) => plans.get(type),
  };
}

function runDocument(run: VirtualRun, { timeline }: TestOptions) {
  const { dagRunId: id, partition, tasks } = run.record;
  return {
    dagRunId: id,
    partition,
    state: stateOf(run),
    seconds: (run.endMs - run.record.startedMs) / 1_000,
    tasks: Object.fromEntries(
      Object.entries(tasks).map(([task, { state, reason, instances }]) => [
        task,
        { state, reason, instances: instances.map((one) => one.state), tries: triesOf(run, task) },
      ]),
    ),
    ...(timeline && {
      timeline: run.timeline.map(({ atMs, what }) => ({ at: isoTime(atMs), what })),
    }),
  };
}

function printTimeline({ timeline }: VirtualRun, startMs: number): void {
  for (const { atMs, what } of timeline) {
    process.stdout.write(`${((atMs - startMs) / 1_000).toFixed(1).padStart(9)} s  ${what}\n`);
  }
  process.stdout.write('\n');
}

/** A run that is not at its end waits for a person. */
function stateOf({ record }: VirtualRun): string {
  return record.state === 'running' ? 'waits for an approval' : record.state;
}

function triesOf({ tries }: VirtualRun, task: string): number {
  const of = Object.entries(tries).filter(([name]) => name.replace(/\[\d+\]$/, '') === task);
  return of.reduce((sum, [, count]) => sum + count, 0);
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function addFail(text: string, fail: Record<string, number>): Record<string, number> {
  const [, task, tries = ''] = /^(.+?)(?::(\d+))?$/.exec(text) ?? [];
  if (task === undefined) throw usage(`--fail ${text}`, 'task:tries', 'write it as --fail train:2');
  return { ...fail, [task]: tries === '' ? Infinity : Number(tries) };
}

function addKill(text: string, kills: readonly number[]): readonly number[] {
  return [...kills, wholeNumber('--kill-worker', text, 1)];
}

function addAnswer(text: string, answers: Record<string, string>): Record<string, string> {
  const [task, option] = text.split('=', 2);
  if (task && option) return { ...answers, [task]: option };
  throw usage(`--approve ${text}`, 'task=option', 'write it as --approve promote=yes');
}

function usage(found: string, expected: string, fix: string): PipelineError {
  return new PipelineError({ code: 'CLI_USAGE', found, expected, fix });
}

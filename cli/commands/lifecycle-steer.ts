/** `sentinel lifecycle show` and what a person says to the loop of a served model. */
import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { Client } from '@temporalio/client';
import { askLifecycle, lifecycleStatus } from '../../activities/steer-lifecycle.js';
import { PipelineError } from '../../contracts/errors.js';
import type { Asked, LatestDecision, LifecycleStatus, Outcome } from '../../contracts/lifecycle.js';
import { ENSEMBLE } from '../../pipelines/train.js';
import { currentHome, withTemporal } from '../home.js';
import { printJson, table } from '../output.js';

interface JsonOption {
  readonly json: boolean;
}

/** The `show` subcommand. */
export function showCommand(): Command {
  return new Command('show')
    .description('what serves, what is under way, and the newest decisions')
    .argument('[model]', 'the served model', ENSEMBLE)
    .option('--json', 'as JSON', false)
    .action(async (model: string, { json }: JsonOption) => {
      const status = await withTemporal(currentHome(), (client) => lifecycleStatus(client, model));
      if (status === undefined) throw notStarted(model);
      if (json) printJson({ model, ...status });
      else process.stdout.write(`${statusText(status)}\n`);
    });
}

/** `pause`, `resume`, `retrain`, `approve` and `refuse`. */
export function steerCommands(): Command[] {
  return [
    steer('pause', 'no retraining starts until `resume`; windows are still judged'),
    steer('resume', 'an alarm that waited for it starts its retraining'),
    steer('retrain', 'retrain now, on the flows up to the newest window'),
    steerChallenger('approve', 'the challenger that waits for approval goes on'),
    steerChallenger('refuse', 'the challenger that waits for approval does not serve'),
  ];
}

function steer(kind: 'pause' | 'resume' | 'retrain', description: string): Command {
  return new Command(kind)
    .description(description)
    .argument('[model]', 'the served model', ENSEMBLE)
    .option('--json', 'as JSON', false)
    .action((model: string, { json }: JsonOption) => tell(model, { kind }, json));
}

function steerChallenger(kind: 'approve' | 'refuse', description: string): Command {
  return new Command(kind)
    .description(description)
    .argument('[model]', 'the served model', ENSEMBLE)
    .option('--json', 'as JSON', false)
    .action(async (model: string, { json }: JsonOption) => {
      const status = await withTemporal(currentHome(), (client) => lifecycleStatus(client, model));
      const version = status?.approvalExpiresAt == null ? null : status.challenger;
      if (version === null) {
        throw new PipelineError({
          code: 'CLI_USAGE',
          found: `no challenger of ${model} waits for approval`,
          fix: 'see `sentinel lifecycle show`',
        });
      }
      await tell(model, { kind, version }, json);
    });
}

type Said = Asked extends infer One ? (One extends Asked ? Omit<One, 'by'> : never) : never;

/** Says it, waits until what followed is done, and prints all decisions; exit code 1 when it was refused or failed. */
export async function tell(model: string, said: Said, json: boolean): Promise<void> {
  const asked = { ...said, by: userInfo().username } as Asked; // one of its kinds, with its fields
  const decisions = await withTemporal(currentHome(), (client) => decide(client, model, asked));
  if (json) printJson({ model, decisions });
  else if (decisions.length === 0) process.stdout.write('nothing changed\n');
  else process.stdout.write(`${decisions.map(line).join('\n')}\n`);
  const last = decisions.at(-1)?.kind;
  if (last === 'refused' || last === 'failed') process.exitCode = 1;
}

const POLL_MS = 300;

/** A retraining takes its time and is not waited for; moves of the alias take seconds. */
async function decide(client: Client, model: string, asked: Asked): Promise<readonly Outcome[]> {
  const { decisions, decided } = await askLifecycle(client, model, asked);
  for (;;) {
    const status = await lifecycleStatus(client, model);
    if (status === undefined || status.phase === 'retraining') return decisions;
    if (status.atRest) {
      const later = Math.min(status.decided - decided, status.latest.length);
      return [...decisions, ...status.latest.slice(status.latest.length - later)];
    }
    await sleep(POLL_MS);
  }
}

function line({ kind, reason }: Outcome): string {
  return `${kind}: ${reason}`;
}

function statusText(status: LifecycleStatus): string {
  const { phase, paused, serving, previous, challenger, approvalExpiresAt, latest } = status;
  const facts = [
    ['phase', paused ? `${phase}, paused` : phase],
    ['serves', serving ?? 'no version'],
    ['before it', previous ?? 'none'],
    ['challenger', challenger ?? 'none'],
    ...(approvalExpiresAt === null
      ? []
      : [['approve until', new Date(approvalExpiresAt).toISOString()]]),
  ];
  const row = ({ at, partition, kind, reason }: LatestDecision): string[] => [
    ...[new Date(at).toISOString().slice(0, 16), partition, kind, reason],
  ];
  return [
    facts.map(([name, value]) => `${name}: ${value}`).join('\n'),
    table(['decided', 'window', 'decision', 'reason'], [...latest].reverse().map(row)),
  ].join('\n\n');
}

function notStarted(model: string): PipelineError {
  return new PipelineError({
    code: 'LIFECYCLE_UNKNOWN',
    found: `no window of ${model} was judged yet, so nothing has been decided`,
    fix: 'run `weekly` or `daily`, which judge windows',
  });
}

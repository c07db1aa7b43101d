/** What can be wrong with one task of a DAG, looked at by itself. */
import type { Fault } from '../contracts/errors.js';
import { showJson } from '../contracts/json.js';
import { TRIGGER_RULES } from '../contracts/states.js';
import type { DeclaredTask } from './declare.js';
import type { ApprovalTarget, Callback, RetryRule } from './plan.js';

/** Adds a fault: what was found, what is expected, how to mend it. */
export type Report = (found: string, expected: string, fix: string) => void;

/** Letters, digits and `_ - .`, as ids stand in workflow ids, file names and web addresses. */
const ID = /^[A-Za-z0-9][\w.-]{0,199}$/;

/** An id of a DAG, task, group or parameter, or a word of a branch. */
export function idFaults(what: string, id: string, report: Report): void {
  if (!ID.test(id)) {
    const expected = 'letters, digits, `_`, `-` and `.`, at most 200, a letter or digit first';
    report(`the ${what} ${showJson(id)}`, expected, 'rename it');
  } else if (id in Object.prototype) {
    const expected = 'a name that objects do not have by themselves';
    report(`the ${what} "${id}"`, expected, 'rename it');
  }
}

/** The faults of a task that need no look at the others. */
export function taskFaults(task: DeclaredTask, file: string): Fault[] {
  const faults: Fault[] = [];
  const report: Report = (found, expected, fix) => {
    faults.push({ code: 'DAG_INVALID', file, found, expected, fix });
  };
  const { id, target, map } = task;
  idFaults('task id', id, report);
  if (!TRIGGER_RULES.includes(task.triggerRule)) {
    const expected = `one of ${TRIGGER_RULES.join(', ')}`;
    report(`"${id}" has the trigger rule "${String(task.triggerRule)}"`, expected, 'correct it');
  }
  if (map !== null) {
    if (!isWhole(map.width, 1)) {
      const expected = 'a whole number from 1 and up';
      report(`"${id}" maps with width ${map.width}`, expected, 'correct the width');
    }
    const decides = decidesText(task);
    if (decides !== undefined) {
      const fix = 'decide once, before or after the mapped task';
      report(`"${id}" is ${decides} and maps over a list`, 'one instance', fix);
    }
  }
  if (target.kind === 'approval') approvalFaults(id, target, report);
  for (const word of Object.keys(task.branch?.cases ?? {})) {
    idFaults(`word of the branch "${id}",`, word, report);
  }
  if (task.teardown?.setups.length === 0) {
    report(`the teardown "${id}" has no setups`, 'at least one', 'name them in `setups`');
  }
  callbackFaults(`"${id}"`, task.callbacks, report);
  tryFaults(task, report);
  for (const asset of task.updates) {
    if (asset.trim() === '') report(`"${id}" updates ""`, 'the name of an asset', 'name it');
  }
  return faults;
}

/** Callbacks of a task or of the DAG. */
export function callbackFaults(
  owner: string,
  callbacks: readonly Callback[],
  report: Report,
): void {
  for (const { on, notify } of callbacks) {
    if (on.length === 0) {
      report(`a callback of ${owner} for no state`, CALLBACK_STATES.join(', '), 'name a state');
    }
    for (const state of on) {
      if (CALLBACK_STATES.includes(state)) continue;
      const expected = `one of ${CALLBACK_STATES.join(', ')}`;
      report(`a callback of ${owner} for "${String(state)}"`, expected, 'correct the state');
    }
    if (notify.kind === 'webhook') {
      if (!(URL.canParse(notify.url) && /^https?:/i.test(notify.url))) {
        report(`a webhook of ${owner} at "${notify.url}"`, 'an http(s) address', 'correct the url');
      }
    } else if (notify.kind !== 'command') {
      report(
        `a callback of ${owner} of kind ${showJson((notify as { kind?: unknown }).kind)}`, // JSON by hand
        'webhook or command',
        'correct the kind',
      );
    } else if ((notify.command[0] ?? '').trim() === '') {
      report(`a command of ${owner} that is empty`, 'a program and its arguments', 'complete it');
    }
  }
}

const CALLBACK_STATES: readonly string[] = [
  'success',
  'failed',
  'skipped',
  'upstream_failed',
  'cancelled',
];

/** What makes a task decide for others, in words. */
function decidesText({ branch, shortCircuit, target }: DeclaredTask): string | undefined {
  if (target.kind === 'latest_only') return 'a latest-only task';
  if (target.kind === 'approval') return 'an approval';
  if (branch !== null) return 'a branch';
  return shortCircuit === null ? undefined : 'a short circuit';
}

function approvalFaults(id: string, approval: ApprovalTarget, report: Report): void {
  const { options, expiresMs, onExpiry } = approval;
  const owner = `the approval "${id}"`;
  if (options.length === 0) report(`${owner} has no options`, 'at least one', 'name them');
  for (const option of new Set(options)) {
    if (option.trim() === '') report(`${owner} has an empty option`, 'a word', 'name it');
    if (options.filter((other) => other === option).length > 1) {
      report(`${owner} has the option "${option}" twice`, 'each once', 'drop one');
    }
  }
  if (expiresMs !== null && !isWhole(expiresMs, 1)) {
    report(`${owner} expires after ${expiresMs} ms`, 'whole milliseconds above 0', 'correct it');
  }
  if (onExpiry === null) return;
  if (!options.includes(onExpiry)) {
    const fix = 'correct onExpiry, or add it to the options';
    report(`${owner} takes "${onExpiry}" when it expires`, `one of ${options.join(', ')}`, fix);
  }
  if (expiresMs === null) {
    const fix = 'add expiresMs, or drop onExpiry';
    report(`${owner} has onExpiry but never expires`, 'expiresMs', fix);
  }
}

function tryFaults({ id, target, tries }: DeclaredTask, report: Report): void {
  const { retry = {}, timeoutMs, deadlineMs } = tries;
  if (target.kind !== 'activity' && Object.keys(tries).length > 0) {
    const found = `"${id}" has ${Object.keys(tries).join(', ')}, but runs no activity`;
    report(found, 'limits of tries on activities only', 'set them on the tasks of the workflow');
    return;
  }
  for (const [name, { isValid, expected }] of Object.entries(RETRY_LIMITS)) {
    const value = retry[name as keyof typeof RETRY_LIMITS]; // its own keys
    if (value === undefined || isValid(value)) continue;
    report(`"${id}" has retry.${name} ${showJson(value)}`, expected, 'correct it');
  }
  for (const [code, attempts] of Object.entries(retry.attemptsByCode ?? {})) {
    if (isWhole(attempts, 1)) continue;
    const found = `"${id}" has retry.attemptsByCode.${code} ${showJson(attempts)}`;
    report(found, 'a whole number from 1; 1 never repeats it', 'correct it');
  }
  const { initialIntervalMs: first, maximumIntervalMs: last } = retry;
  if (first !== undefined && last !== undefined && last < first) {
    const found = `"${id}" waits ${first} ms at first and ${last} ms at most`;
    report(found, 'maximumIntervalMs from initialIntervalMs up', 'correct one of them');
  }
  for (const [name, ms] of Object.entries({ timeoutMs, deadlineMs })) {
    if (ms == null || isWhole(ms, 1)) continue;
    report(`"${id}" has ${name} ${showJson(ms)}`, 'whole milliseconds above 0', 'correct it');
  }
}

type RetryNumber = Exclude<keyof RetryRule, 'attemptsByCode'>;

const RETRY_LIMITS: Record<RetryNumber, { isValid: (value: number) => boolean; expected: string }> =
  {
    maximumAttempts: {
      isValid: (value) => isWhole(value, 1),
      expected: 'a whole number from 1, the first try included',
    },
    initialIntervalMs: {
      isValid: (value) => isWhole(value, 1),
      expected: 'whole milliseconds above 0',
    },
    backoffCoefficient: { isValid: (value) => value >= 1, expected: 'a number from 1' },
    maximumIntervalMs: {
      isValid: (value) => isWhole(value, 1),
      expected: 'whole milliseconds above 0',
    },
    jitter: { isValid: (value) => value >= 0 && value <= 1, expected: 'a number from 0 to 1' },
  };

/** True for a whole number from `least` and up. */
export function isWhole(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least;
}

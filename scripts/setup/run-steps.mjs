/**
 * Runs the steps that are not done yet, in order.
 *
 * A step is done when its stamp holds the hash of its present inputs and its outputs are there. The
 * stamp goes away before the step starts and comes back after it ended, so a killed step is redone.
 *
 * @typedef {object} Step
 * @property {string} name   name of the stamp and of the log
 * @property {string} title  what the user reads
 * @property {string[]} needs  checks to make before it starts, see checks.mjs
 * @property {() => string} hash  of everything the outputs are made from
 * @property {() => boolean} isPresent  whether the outputs are there; cheap, starts no process
 * @property {(command: (program: string, args: string[], options?: object) => Promise<void>) => Promise<void>} run
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * State of every step.
 *
 * @param {Step[]} steps
 * @param {string} stamps folder
 * @returns {{ name: string, title: string, state: 'done' | 'pending', reason?: string, needs: string[], seconds?: number }[]}
 */
export function describePending(steps, stamps) {
  return steps.map((step) => {
    const stamp = readStamp(stamps, step.name);
    const reason = pendingReason(step, stamp);
    return {
      name: step.name,
      title: step.title,
      state: reason === undefined ? 'done' : 'pending',
      ...(reason !== undefined && { reason }),
      ...(stamp !== undefined && { seconds: stamp.seconds }),
      needs: step.needs,
    };
  });
}

/**
 * Runs what is pending; each step is judged just before its turn, since an earlier one may undo it.
 *
 * @param {{ steps: Step[], stamps: string, command: Function, say: (text: string) => void, live?: boolean }} options
 *   `live` rewrites the line of the running step (a terminal) in place of adding one
 * @throws the error of the first step that fails; later steps are not started
 */
export async function runSteps({ steps, stamps, command, say, live = false }) {
  mkdirSync(stamps, { recursive: true });
  for (const step of steps) {
    if (pendingReason(step, readStamp(stamps, step.name)) === undefined) continue;
    say(live ? `set-up: ${step.title} …` : `set-up: ${step.title} …\n`);
    rmSync(stampPath(stamps, step.name), { force: true });
    const hash = step.hash();
    const started = performance.now();
    try {
      await step.run((program, args, options) => command(step.name, program, args, options));
    } catch (error) {
      if (live) say('\n');
      throw error;
    }
    if (!step.isPresent()) {
      throw new Error(
        `SETUP_STEP_FAILED ${step.name}: it ended without an error, but its files are not there. ` +
          `Fix: look into .cache/setup/logs/${step.name}.log, then run the same command again.`,
      );
    }
    const seconds = Number(((performance.now() - started) / 1000).toFixed(1));
    writeStamp(stamps, step.name, { hash, seconds, finishedAt: new Date().toISOString() });
    say(`${live ? '\r' : ''}set-up: ${step.title}: ${seconds} s\n`);
  }
}

function pendingReason(step, stamp) {
  if (stamp === undefined) return 'not done yet';
  if (stamp.hash !== step.hash()) return 'its inputs changed';
  if (!step.isPresent()) return 'its files are gone';
  return undefined;
}

function stampPath(stamps, name) {
  return join(stamps, `${name}.json`);
}

function readStamp(stamps, name) {
  try {
    return JSON.parse(readFileSync(stampPath(stamps, name), 'utf8'));
  } catch {
    return undefined; // never written, or unreadable: the step is redone
  }
}

function writeStamp(stamps, name, stamp) {
  const path = stampPath(stamps, name);
  writeFileSync(`${path}.new`, JSON.stringify(stamp));
  renameSync(`${path}.new`, path);
}

/**
 * Which processes a home has started, whoever has died since: each carries a mark in its environment,
 * and so do the processes it starts in turn. Records in files can be lost (`up` killed between the
 * start of a process and its record) and a dead leader hides its group; the mark cannot.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTicksOf } from './process-record.js';

const MARK = 'SENTINEL_PROCESS';

/** Environment of a process of a home; its descendants inherit it. */
export function markedEnvironment(home: string, name: string): Record<string, string> {
  return { [MARK]: `${name}@${home}` };
}

/** Processes of this user with the mark, those that are ending included, zombies left out. */
export function markedProcesses(home: string, name: string): number[] {
  const mark = `${MARK}=${name}@${home}`;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .filter((pid) => environmentOf(pid).includes(mark));
}

/** Ends every marked process: SIGTERM, then SIGKILL after `graceMs`; resolves when all are gone. */
export async function endMarkedProcesses(
  home: string,
  name: string,
  graceMs = 10_000,
): Promise<void> {
  signalAll(markedProcesses(home, name), 'SIGTERM');
  const deadline = Date.now() + graceMs;
  for (;;) {
    const left = markedProcesses(home, name);
    if (left.length === 0) return;
    if (Date.now() >= deadline) signalAll(left, 'SIGKILL');
    await sleep(50);
  }
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return []; // gone, or another user's
  }
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (startTicksOf(pid) !== undefined) throw error; // else it ended in between
    }
  }
}

/**
 * `home/run/<name>.json`: which processes belong to this home. A pid alone can be somebody else's by
 * now, so a process is ours only if its start time matches too.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What `home/run/NAME.json` says of one process; number and start time together identify it. */
export interface ProcessRecord {
  readonly name: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot (field 22 of /proc/PID/stat). */
  readonly startTicks: string;
  readonly ports: { readonly [use: string]: number };
}

/** Start time of a live process in clock ticks since boot, undefined when there is none (or a zombie). */
export function startTicksOf(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // no such process
  }
  // the command in parentheses may hold spaces; what follows starts with field 3, the state
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

/** True while the recorded process itself is alive. */
export function isAlive(record: ProcessRecord): boolean {
  return startTicksOf(record.pid) === record.startTicks;
}

/** The record of a process of this home, undefined when there is none. */
export async function readRecord(folder: string, name: string): Promise<ProcessRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as ProcessRecord; // written below
  } catch {
    return undefined; // never started, or the file was cut short by a crash: nothing to adopt
  }
}

/** The record of a process as it is now. */
export function recordOf(process: Omit<ProcessRecord, 'startTicks'>): ProcessRecord {
  return { ...process, startTicks: startTicksOf(process.pid) ?? 'ended' };
}

/** Records a process that has just been started. */
export async function writeRecord(
  folder: string,
  process: Omit<ProcessRecord, 'startTicks'>,
): Promise<ProcessRecord> {
  const record = recordOf(process);
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.${process.name}.${process.pid}`);
  await writeFile(temporary, JSON.stringify(record, null, 2));
  await rename(temporary, join(folder, `${process.name}.json`));
  return record;
}

/** Ends a recorded process and its group: SIGTERM, then SIGKILL after `graceMs`; forgets it. */
export async function endProcess(
  folder: string,
  record: ProcessRecord,
  graceMs = 10_000,
): Promise<void> {
  signalGroup(record, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  while (isAlive(record) && Date.now() < deadline) await sleep(50);
  signalGroup(record, 'SIGKILL');
  while (isAlive(record)) await sleep(20);
  await rm(join(folder, `${record.name}.json`), { force: true });
}

function signalGroup(record: ProcessRecord, signal: NodeJS.Signals): void {
  if (!isAlive(record)) return;
  try {
    process.kill(-record.pid, signal);
  } catch {
    // not the leader of a group, or gone in between
    if (isAlive(record)) process.kill(record.pid, signal);
  }
}

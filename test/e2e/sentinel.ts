/** The built `sentinel` command on a temporary home: what a user starts, and what it leaves running. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installation } from '../../activities/installation.js';
import { markedProcesses } from '../../cli/embedded/marked-processes.js';
import { startTicksOf } from '../../cli/embedded/process-record.js';
import { homeLayout, type HomeLayout } from '../../contracts/home.js';
import type { UpDocument } from '../../contracts/report.js';
import { writeSmallFlows } from './small-flows.js';

/** Training settings that end in seconds. */
export const SMALL_PRESET = fileURLToPath(new URL('small.preset.json', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly process: ChildProcess & { readonly pid: number };
  readonly finished: Promise<Finished>;
  /** Resolves once stderr has said it; rejects, with all that was said, when the command ends first. */
  says(pattern: RegExp): Promise<void>;
  /** Resolves with the JSON document on stdout. */
  document(): Promise<UpDocument>;
}

export interface TestHome {
  readonly layout: HomeLayout;
  /** Folder of the small flow files. */
  readonly input: string;
  start(...args: readonly string[]): Started;
  run(...args: readonly string[]): Promise<Finished>;
  /** `sentinel up` on the small data. */
  up(...args: readonly string[]): Started;
  /** Pids of live processes that belong to this home: servers, worker, compute children. */
  processes(): number[];
  /** Ends what is left of the home's processes, and removes it. */
  remove(): Promise<void>;
}

/** A new home with small data beside it; `env` is added to the environment of each command. */
export async function createHome({ flows = true, env = {} } = {}): Promise<TestHome> {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-e2e-'));
  const layout = homeLayout(join(folder, 'home'));
  const input = join(folder, 'flows');
  if (flows) await writeSmallFlows(input);
  const started: ChildProcess[] = [];

  function start(...args: readonly string[]): Started {
    const command = join(installation.root, 'dist', 'cli', 'main.js');
    const child = spawn(process.execPath, [command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env, SENTINEL_HOME: layout.home },
    });
    started.push(child);
    return follow(child);
  }

  function processes(): number[] {
    return ['temporal', 'mlflow', 'worker'].flatMap((name) => markedProcesses(layout.home, name));
  }

  return {
    layout,
    input,
    start,
    run: (...args) => start(...args).finished,
    up: (...args) => start('up', '--json', '--input', input, '--preset', SMALL_PRESET, ...args),
    processes,
    async remove() {
      for (const child of started) child.kill('SIGKILL');
      for (const pid of processes()) endNow(pid);
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Ends a process at once, whatever it does. */
export function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (startTicksOf(pid) !== undefined) throw error; // else it has ended already
  }
}

function follow(child: ChildProcess): Started {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const finished = once(child, 'close').then(
    ([code]): Finished => ({ code: code as number | null, stdout, stderr }), // null: ended by a signal
  );

  function when<T>(stream: 'stdout' | 'stderr', found: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const value = found();
        if (value === undefined) return;
        child[stream]?.off('data', look);
        resolve(value);
      };
      child[stream]?.on('data', look);
      void finished.then(() => reject(new Error(`the command has ended:\n${stderr}`)));
      look();
    });
  }

  return {
    process: child as ChildProcess & { readonly pid: number }, // spawned
    finished,
    says: (pattern) =>
      when('stderr', () => (pattern.test(stderr) ? true : undefined)).then(() => undefined),
    document: () => when('stdout', () => (stdout.endsWith('}\n') ? parse(stdout) : undefined)),
  };
}

function parse(text: string): UpDocument | undefined {
  try {
    return JSON.parse(text) as UpDocument; // what the test is about to check
  } catch {
    return undefined; // not all of it yet
  }
}

/**
 * The log of a run, one file: of each try of each task where it started, how far it came, what its compute
 * child wrote, how it ended. It is kept when Temporal forgets the run.
 */
import { appendFileSync, createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { activityInfo, Context, CancelledFailure } from '@temporalio/activity';
import type { TaskContext } from '../contracts/engine.js';
import type { HomeLayout } from '../contracts/home.js';

/** What a line of a log is: of the engine (`task`), of the activity, or of its compute child. */
export const LOG_LEVELS = ['task', 'progress', 'info', 'warn', 'error', 'out', 'err'] as const;

/** One of the words above. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The log of the try that is running. */
export interface TaskLog {
  /** One entry; lines after the first are told from entries by their indent. */
  write(level: LogLevel, text: string): void;
}

type Activity = (input: unknown, run: TaskContext) => Promise<unknown>;

const logs = new WeakMap<Context, TaskLog>();

/** An activity that no run has started, such as one under test, has no log. */
const NO_LOG: TaskLog = { write: () => undefined };

/** The log of the try that is running, for the code of a task. */
export function taskLog(context = Context.current()): TaskLog {
  return logs.get(context) ?? NO_LOG;
}

/** Longest part of a run's id in a file name, which may have 255 characters. */
const ID_CHARACTERS = 200;

/** The file with the logs of a run, absolute; each entry says which try wrote it. */
export function runLogFile(
  layout: HomeLayout,
  run: Pick<TaskContext, 'dagRunId' | 'temporalRunId'>,
): string {
  const id = encodeURIComponent(run.dagRunId).slice(0, ID_CHARACTERS);
  return join(layout.runLogs, `${id}.${run.temporalRunId}.log`);
}

/** The activities, each try of which writes into the log of its run below `layout.runLogs`. */
export function withTaskLogs(
  layout: HomeLayout,
  activities: Readonly<Record<string, Activity>>,
): Record<string, Activity> {
  return Object.fromEntries(
    Object.entries(activities).map(([name, activity]) => [name, logged(layout, name, activity)]),
  );
}

function logged(layout: HomeLayout, name: string, activity: Activity): Activity {
  return async (input, run) => {
    const { activityId, attempt } = activityInfo();
    const log = openLog(runLogFile(layout, run), `${activityId}#${attempt}`);
    logs.set(Context.current(), log);
    const startedMs = Date.now();
    const took = (): string => `${((Date.now() - startedMs) / 1_000).toFixed(1)} s`;
    log.write('task', `${name}, try ${attempt}, process ${process.pid}`);
    try {
      const output = await activity(input, run);
      log.write('task', `done in ${took()}`);
      return output;
    } catch (error) {
      if (error instanceof CancelledFailure) log.write('task', `cancelled after ${took()}`);
      else log.write('error', `${textOf(error)}\nafter ${took()}`);
      throw error;
    } finally {
      await log.close();
    }
  };
}

interface OpenLog extends TaskLog {
  close(): Promise<void>;
}

/** What a try has to say can be followed once it is out for longer, or its child writes. */
const QUIET_MS = 1_000;

/**
 * A log that cannot be written is told of once, in the worker's own, and fails no task. A short try writes
 * all it has to say in one go at its end.
 */
function openLog(file: string, of: string): OpenLog {
  const tell = (error: unknown): void => console.error(`no log of ${of}: ${String(error)}`);
  const waiting: string[] = [];
  let stream: WriteStream | undefined;
  const follow = (): void => {
    if (stream !== undefined) return;
    flush();
    stream = createWriteStream(file, { flags: 'a' });
    stream.once('error', tell);
  };
  const flush = (): void => {
    try {
      append(file, waiting.splice(0).join(''));
    } catch (error) {
      tell(error);
    }
  };
  const timer = setTimeout(follow, QUIET_MS);
  return {
    write(level, text) {
      const entry = logEntry(new Date(), level, of, text);
      if (stream === undefined) waiting.push(entry);
      else if (stream.writable) stream.write(entry);
      if (level === 'out' || level === 'err') follow();
    },
    async close() {
      clearTimeout(timer);
      if (stream === undefined) return flush();
      stream.end();
      await finished(stream).catch(() => undefined); // told of already
    },
  };
}

/** Appends whole entries by one call, so that those of several processes do not mix. */
function append(file: string, entries: string): void {
  try {
    appendFileSync(file, entries);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(dirname(file), { recursive: true });
    appendFileSync(file, entries);
  }
}

const LEVEL_WIDTH = Math.max(...LOG_LEVELS.map(({ length }) => length));

/** `2022-06-06T10:00:00.123Z info     parse[3]#1 text`, further lines indented. */
function logEntry(at: Date, level: LogLevel, of: string, text: string): string {
  const lines = text.trimEnd().replaceAll('\n', '\n  ');
  return `${at.toISOString()} ${level.padEnd(LEVEL_WIDTH)} ${of} ${lines}\n`;
}

/** The first line of an entry, read back. */
export interface LogEntry {
  readonly atMs: number;
  readonly level: string;
  /** With the index of a mapped task: `parse[3]`. */
  readonly task: string;
  readonly try: number;
  readonly text: string;
}

/** Undefined for the further lines of an entry. */
export function parseLogEntry(line: string): LogEntry | undefined {
  const [, at, level = '', task = '', attempt, text = ''] = ENTRY.exec(line) ?? [];
  if (at === undefined) return undefined;
  return { atMs: Date.parse(at), level, task, try: Number(attempt), text };
}

const ENTRY = /^(\d{4}-\d\d-\d\dT\S+Z) (\w+) +(\S+)#(\d+) ?(.*)$/;

/** Message with code, place and mend, and the stack of what was thrown first. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const origin = cause instanceof Error ? cause : error;
  const frames = (origin.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [error.message, ...frames].join('\n');
}

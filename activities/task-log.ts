/**
 * The log of one try of a task, a file of its own: where it started, how far it came, what its compute child
 * wrote, how it ended. It is kept when Temporal forgets the run.
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

/** Folder of all logs of a run, absolute. */
export function runLogFolder(
  layout: HomeLayout,
  run: Pick<TaskContext, 'dagRunId' | 'temporalRunId'>,
): string {
  return join(layout.runLogs, encodeURIComponent(run.dagRunId), run.temporalRunId);
}

/** The activities, each try of which writes a log below `layout.runLogs`. */
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
    const folder = join(runLogFolder(layout, run), activityId.replaceAll('/', '%2F'));
    const log = openLog(join(folder, `${attempt}.log`), { ofMap: activityId.endsWith(']') });
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

/** A try that is out for longer, or whose child writes, has a file that can be followed. */
const QUIET_MS = 1_000;

/**
 * A log that cannot be written is told of once, in the worker's own, and fails no task. A short try writes
 * its file in one go at its end; one of a mapped task that had nothing to say writes none, for a map may
 * have 20,000 of them, and their times and tries stand in `task_runs`.
 */
function openLog(file: string, { ofMap }: { ofMap: boolean }): OpenLog {
  const tell = (error: unknown): void => console.error(`no log of a task: ${String(error)}`);
  const waiting: string[] = [];
  let stream: WriteStream | undefined;
  let worthIt = !ofMap;
  const follow = (): void => {
    if (stream !== undefined) return;
    worthIt = true;
    makeFolder();
    stream = createWriteStream(file, { flags: 'a' });
    stream.once('error', tell);
    stream.write(waiting.splice(0).join(''));
  };
  const makeFolder = (): void => {
    try {
      mkdirSync(dirname(file), { recursive: true });
    } catch (error) {
      tell(error);
    }
  };
  const timer = setTimeout(follow, QUIET_MS);
  return {
    write(level, text) {
      const entry = logEntry(new Date(), level, text);
      if (stream === undefined) waiting.push(entry);
      else if (stream.writable) stream.write(entry);
      if (level !== 'task') worthIt = true;
      if (level === 'out' || level === 'err') follow();
    },
    async close() {
      clearTimeout(timer);
      if (stream !== undefined) {
        stream.end();
        await finished(stream).catch(() => undefined); // told of already
      } else if (worthIt) {
        makeFolder();
        try {
          appendFileSync(file, waiting.join(''));
        } catch (error) {
          tell(error);
        }
      }
    },
  };
}

const LEVEL_WIDTH = Math.max(...LOG_LEVELS.map(({ length }) => length));

/** `2022-06-06T10:00:00.123Z info     text`, further lines indented. */
function logEntry(at: Date, level: LogLevel, text: string): string {
  const lines = text.trimEnd().replaceAll('\n', '\n  ');
  return `${at.toISOString()} ${level.padEnd(LEVEL_WIDTH)} ${lines}\n`;
}

/** The first line of an entry, read back; undefined for its further lines. */
export function parseLogEntry(
  line: string,
): { readonly atMs: number; readonly level: string; readonly text: string } | undefined {
  const [, at, level = '', text = ''] = ENTRY.exec(line) ?? [];
  return at === undefined ? undefined : { atMs: Date.parse(at), level: level.trim(), text };
}

const ENTRY = new RegExp(`^(\\d{4}-\\d\\d-\\d\\dT\\S+Z) (.{${LEVEL_WIDTH}}) ?(.*)$`);

/** Message with code, place and mend, and the stack of what was thrown first. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const origin = cause instanceof Error ? cause : error;
  const frames = (origin.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return [error.message, ...frames].join('\n');
}

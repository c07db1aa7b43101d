/** The logs of a run, of all tries of all its tasks, in the order of time. */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskContext } from '../../contracts/engine.js';
import type { HomeLayout } from '../../contracts/home.js';
import { parseLogEntry, runLogFolder } from '../task-log.js';

/** One line; a line that goes on from the one before has its time and level. */
export interface LogLine {
  /** With the index of a mapped task: `parse[3]`. */
  readonly task: string;
  readonly try: number;
  readonly atMs: number;
  readonly level: string;
  readonly text: string;
}

/** Which lines; what is left out does not matter. */
export interface LogFilter {
  /** A task with all its elements, or one element: `parse`, `parse[3]`. */
  readonly task?: string;
  readonly try?: number;
}

/** Reads the logs of a run piece by piece. */
export interface LogReader {
  /** The lines since the last call, in the order of time; a line that is half written comes with the next. */
  next(): Promise<LogLine[]>;
}

/** The logs of a run; there need not be any yet. */
export function logReader(
  layout: HomeLayout,
  run: Pick<TaskContext, 'dagRunId' | 'temporalRunId'>,
  filter: LogFilter = {},
): LogReader {
  const folder = runLogFolder(layout, run);
  const files = new Map<string, LogFile>();
  return {
    async next() {
      for (const found of await logFiles(folder, filter)) {
        if (!files.has(found.file)) files.set(found.file, new LogFile(found));
      }
      const lines: LogLine[] = [];
      for (const file of files.values()) lines.push(...(await file.next()));
      return lines.sort((a, b) => a.atMs - b.atMs);
    },
  };
}

interface FoundLog {
  readonly file: string;
  readonly task: string;
  readonly attempt: number;
}

async function logFiles(folder: string, filter: LogFilter): Promise<FoundLog[]> {
  const tasks = (await entriesOf(folder)).filter(
    (task) =>
      filter.task === undefined || task === filter.task || task.startsWith(`${filter.task}[`),
  );
  const found = await Promise.all(
    tasks.map(async (task) =>
      (await entriesOf(join(folder, task))).map((name) => ({
        file: join(folder, task, name),
        task: decodeURIComponent(task),
        attempt: Number.parseInt(name, 10),
      })),
    ),
  );
  return found
    .flat()
    .filter(({ attempt }) => filter.try === undefined || attempt === filter.try)
    .sort((a, b) => a.task.localeCompare(b.task) || a.attempt - b.attempt);
}

async function entriesOf(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

/** One file, and how far it was read. */
class LogFile {
  private offset = 0;
  private atMs = 0;
  private level = '';
  private readonly found: FoundLog;

  constructor(found: FoundLog) {
    this.found = found;
  }

  async next(): Promise<LogLine[]> {
    const handle = await open(this.found.file, 'r');
    try {
      const { size } = await handle.stat();
      const { buffer } = await handle.read({
        buffer: Buffer.alloc(size - this.offset),
        position: this.offset,
      });
      const end = buffer.lastIndexOf('\n') + 1;
      this.offset += end;
      const text = buffer.subarray(0, end).toString('utf8');
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) => this.line(line));
    } finally {
      await handle.close();
    }
  }

  private line(line: string): LogLine {
    const { task, attempt } = this.found;
    const entry = parseLogEntry(line);
    if (entry !== undefined) [this.atMs, this.level] = [entry.atMs, entry.level];
    const text = entry?.text ?? line;
    return { task, try: attempt, atMs: this.atMs, level: this.level, text };
  }
}

/**
 * What a table needs of the place where its files lie: a folder on disk or a prefix in a bucket.
 *
 * Paths are relative to the table, with `/`, and stand as they are on disk or in the key (not as the log
 * writes them). A data file's path is used once for all time; only a log entry is created exclusively.
 */
import { PipelineError } from '../../contracts/errors.js';

/** The files of one table. */
export interface TableStorage {
  /** Names in `_delta_log` that come behind `after`, ascending; none when there is no such table. */
  listLog(after?: string): Promise<string[]>;
  /** Every file outside of `_delta_log`, a page at a time. */
  listData(): AsyncIterable<readonly StoredFile[]>;
  /** Text of a file; undefined when there is none. */
  read(path: string): Promise<string | undefined>;
  /**
   * Creates a file, complete or not at all, unless the name is taken. A call that succeeded unseen is
   * recognised by its text, which therefore holds something unique to the attempt, as `commitInfo.txnId`.
   *
   * @returns false when the name is another's
   */
  create(path: string, text: string): Promise<boolean>;
  /**
   * Moves local files into the table, over what is there; they are durable when it returns. A file that an
   * earlier attempt moved counts as moved when it has the expected size.
   *
   * @throws PipelineError DELTA_STAGED_MISSING when a file is neither local nor moved
   */
  put(files: readonly LocalFile[]): Promise<void>;
  /** Deletes files; those that are gone count as deleted. */
  remove(paths: readonly string[]): Promise<void>;
  /** What DuckDB opens: an absolute path or an `s3://` address. */
  location(path: string): string;
}

/** A file of a table, as its storage lists it. */
export interface StoredFile {
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** A finished local file that shall be part of a table. */
export interface LocalFile {
  /** Absolute path. */
  readonly file: string;
  /** Path that it gets in the table. */
  readonly path: string;
  readonly bytes: number;
}

/** DELTA_STAGED_MISSING for a file that is neither local nor moved to `target`. */
export function stagedMissing(staged: LocalFile, target: string): PipelineError {
  return new PipelineError({
    code: 'DELTA_STAGED_MISSING',
    file: staged.file,
    found: 'no such file',
    expected: `${staged.bytes} bytes there or at ${target}`,
    fix: 'run the task again: it stages its files anew',
  });
}

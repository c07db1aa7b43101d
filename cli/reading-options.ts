/** How flow files are read, as options of `ingest` and `up`. */
import { resolve } from 'node:path';
import { Option } from 'commander';
import { PipelineError } from '../contracts/errors.js';
import { rejectedLimit } from '../contracts/schemas/values.js';
import { readMapping } from '../feature-store/sources/flow-mapping.js';

/** What the options give. */
export interface ReadingOptions {
  readonly mapping?: string;
  readonly maxRejected: string;
}

/** `--mapping`. */
export function mappingOption(): Option {
  return new Option(
    '--mapping <file>',
    'the files are of another exporter, read as this mapping says',
  );
}

/** `--max-rejected`. */
export function maxRejectedOption(): Option {
  return new Option(
    '--max-rejected <limit>',
    'refuse a file with more rejected rows: a number, or a share such as 1%',
  ).default('100%');
}

/**
 * The parameters of the DAGs `ingest` and `weekly` that say the same; told before a run starts when they cannot be read.
 *
 * @throws PipelineError CLI_USAGE, INPUT_NOT_FOUND, MAPPING_INVALID
 */
export async function readingParams({ mapping, maxRejected }: ReadingOptions): Promise<{
  /** Absolute; empty for flow files. */
  mapping: string;
  maxRejected: string;
}> {
  if (!rejectedLimit.safeParse(maxRejected).success)
    throw new PipelineError({
      code: 'CLI_USAGE',
      found: `--max-rejected ${maxRejected}`,
      expected: 'a number of rows or a share, such as 100 or 1%',
      fix: 'correct the value',
    });
  if (mapping === undefined) return { mapping: '', maxRejected };
  const file = resolve(mapping);
  await readMapping(file);
  return { mapping: file, maxRejected };
}

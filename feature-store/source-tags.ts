/**
 * Which raw files the rows of a data file came from, as its tags say.
 *
 * A file that an ingest wrote holds the rows of one source: `source_sha`, `source_file`. A compacted one may hold
 * those of several: `sources`, a JSON list.
 */
import type { LiveFile } from './delta/snapshot.js';

/** Rows of one raw file in a data file. */
export interface SourceRows {
  /** SHA-256 of the raw file, 64 hex digits. */
  readonly sha256: string;
  /** Its absolute path when it was read. */
  readonly path: string;
  readonly rows: number;
}

/** The sources of a data file; none when it came from no raw file. */
export function sourcesOf({ tags, rows }: Pick<LiveFile, 'tags' | 'rows'>): readonly SourceRows[] {
  const { sources, source_sha: sha256, source_file: path = '' } = tags;
  if (sources !== undefined) return JSON.parse(sources) as SourceRows[]; // written by `tagSources`
  return sha256 === undefined ? [] : [{ sha256, path, rows }];
}

/** Tags for a data file that holds these rows; rows of one source are added up. */
export function tagSources(parts: readonly SourceRows[]): Record<string, string> {
  const sums = new Map<string, SourceRows>();
  for (const part of parts) {
    const rows = (sums.get(part.sha256)?.rows ?? 0) + part.rows;
    sums.set(part.sha256, { ...part, rows });
  }
  const [first, ...others] = sums.values();
  if (first === undefined) return {};
  if (others.length > 0) return { sources: JSON.stringify([...sums.values()]) };
  return tagSource(first);
}

/** Tags for a data file whose rows are all of one raw file. */
export function tagSource({
  sha256,
  path,
}: Pick<SourceRows, 'sha256' | 'path'>): Record<string, string> {
  return { source_sha: sha256, source_file: path };
}

/** The tags that say nothing of sources, such as the model of predictions. */
export function otherTags({ tags }: Pick<LiveFile, 'tags'>): Record<string, string> {
  const names = ['sources', 'source_sha', 'source_file'];
  return Object.fromEntries(Object.entries(tags).filter(([name]) => !names.includes(name)));
}

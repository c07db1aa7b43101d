/**
 * MLflow's lists of `{ key, value }`, as plain records.
 */
import { z } from 'zod';

/** Names and values, all text. */
export type Tags = Readonly<Record<string, string>>;

/** `[{ key, value }]` of an answer -> record; missing values are empty text. */
export const tagsSchema = z
  .array(z.object({ key: z.string(), value: z.string().default('') }))
  .default([])
  .transform((tags): Tags => Object.fromEntries(tags.map(({ key, value }) => [key, value])));

/** Record -> `[{ key, value }]` of a request. */
export function tagList(tags: Tags): { key: string; value: string }[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

/** Consecutive pieces of at most `size` elements; none for an empty list. */
export function inChunks<T>(values: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let i = 0; i < values.length; i += size) chunks.push(values.slice(i, i + size));
  return chunks;
}

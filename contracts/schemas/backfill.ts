/** The argument of a `backfill` workflow, held against its schema where it enters: CLI and activity. */
import { z } from 'zod';
import { ON_FAILURE, REPROCESS, type BackfillInput, type BackfillRequest } from '../backfill.js';
import { PipelineError } from '../errors.js';

const backfillRequest = z.strictObject({
  dag: z.string(),
  from: z.string(),
  to: z.string(),
  params: z.record(z.string(), z.json()).default({}),
  reprocess: z.enum(REPROCESS).default('none'),
  // each run that is waited for costs the worker a slot
  maxActive: z.int().min(1).max(50).default(4),
  reverse: z.boolean().default(false),
  onFailure: z.enum(ON_FAILURE).default('stop'),
  cascade: z.boolean().default(false),
});

/**
 * The request with its defaults.
 *
 * @throws PipelineError BACKFILL_INVALID with all that is wrong
 */
export function parseBackfill(input: BackfillInput): BackfillRequest {
  const result = backfillRequest.safeParse(input);
  if (result.success) return result.data;
  throw new PipelineError({
    code: 'BACKFILL_INVALID',
    found: result.error.issues
      .map(({ path, message }) => `${path.join('.') || 'the request'}: ${message}`)
      .join('; '),
    fix: 'see `sentinel backfill --help`',
  });
}

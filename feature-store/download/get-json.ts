/** GET of a JSON document of a known shape. */
import { z } from 'zod';
import { PipelineError, type Fault } from '../../contracts/errors.js';
import { get, withPatience, type HttpOptions } from './http-get.js';

/**
 * The document at an address.
 *
 * @param otherwise the fault of an answer that is no such document
 * @throws PipelineError the code of `otherwise`, DOWNLOAD_HTTP, DOWNLOAD_REFUSED
 */
export async function getJson<T>(
  url: string,
  schema: z.ZodType<T>,
  otherwise: Pick<Fault, 'code' | 'expected' | 'fix'>,
  options: HttpOptions,
): Promise<T> {
  const body = await withPatience(url, options, async ({ signal }) =>
    (await get(url, { accept: 'application/json' }, signal)).text(),
  );
  try {
    return schema.parse(JSON.parse(body));
  } catch (cause) {
    const found = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new PipelineError({ ...otherwise, file: url, found }, { cause });
  }
}

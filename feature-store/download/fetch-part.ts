/**
 * A stretch of a remote file into a `.part` file, resumed where an earlier process stopped.
 *
 * The bytes of `x.part` are the progress; `x.part.json` beside it says of which content they are. So a
 * process that is killed loses only what had not reached the file, and bytes of two contents never mix.
 */
import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import { get, TransientError, withPatience, type Attempt, type HttpOptions } from './http-get.js';

/** What to fetch. */
export interface RemotePart {
  readonly url: string;
  /** Known of the content beforehand, such as its checksum; bytes stored under another identity are dropped. */
  readonly identity: string;
  /** First byte. @default 0 */
  readonly start?: number;
  /** The byte after the last; without it, to the end of the file. */
  readonly end?: number;
  /** Bytes of the whole remote file; an answer that tells another number is refused. */
  readonly totalBytes?: number;
  /** Entity tag that the file must have, when it is cut by what was read before. */
  readonly etag?: string;
}

/** Called with the bytes of each piece that was stored; negative when stored bytes are dropped. */
export type OnBytes = (bytes: number) => void;

/**
 * Fetches what is missing of the part.
 *
 * @param part path of the `.part` file; its folder is made
 * @returns bytes of the part and, when the server told one, its entity tag
 * @throws PipelineError DOWNLOAD_HTTP, DOWNLOAD_REFUSED, DOWNLOAD_CHANGED, DOWNLOAD_NO_RANGES
 */
export async function fetchPart(
  remote: RemotePart,
  part: string,
  options: HttpOptions & { readonly onBytes?: OnBytes } = {},
): Promise<{ bytes: number; etag: string | undefined }> {
  const { start = 0, end } = remote;
  await mkdir(path.dirname(part), { recursive: true });
  const stored = await PartFile.open(remote, part, options.onBytes ?? (() => undefined));
  await withPatience(remote.url, options, async (attempt) => {
    if (end !== undefined && stored.bytes === end - start) return;
    await fetchRest(remote, stored, attempt);
    const missing = end === undefined ? 0 : end - start - stored.bytes;
    if (missing > 0) throw new TransientError(`the answer ended ${missing} bytes too early`);
  });
  return { bytes: stored.bytes, etag: stored.etag };
}

/** Removes a part and its state. */
export async function removePart(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(stateFile(part), { force: true });
}

async function fetchRest(remote: RemotePart, stored: PartFile, attempt: Attempt): Promise<void> {
  const { url, start = 0, end } = remote;
  const from = start + stored.bytes;
  const headers = {
    ...((from > 0 || end !== remote.totalBytes) && {
      range: `bytes=${from}-${end === undefined ? '' : end - 1}`,
    }),
    // a weak tag may not stand here (RFC 9110, 13.1.5): then the answer's tag is compared below
    ...(from > 0 && stored.etag?.startsWith('"') && { 'if-range': stored.etag }),
  };
  const response = await get(url, headers, attempt.signal);
  const etag = response.headers.get('etag') ?? undefined;
  const fault = faultOf(remote, response, from, etag);
  if (fault !== undefined) {
    await response.body?.cancel();
    throw fault;
  }
  const otherContent = stored.etag !== undefined && etag !== undefined && etag !== stored.etag;
  if (response.status === 416 || (response.status === 206 && otherContent)) {
    await response.body?.cancel();
    await stored.restart(undefined);
    throw new TransientError('the file has changed meanwhile');
  }
  if (response.status === 200) await stored.restart(etag);
  else if (stored.etag === undefined) await stored.restart(etag, stored.bytes);
  await stored.append(response, attempt, end === undefined ? Infinity : end - start);
}

/** Why this answer cannot be used and no later one will; undefined when it can. */
function faultOf(
  { url, start = 0, totalBytes, etag: wanted }: RemotePart,
  response: Response,
  from: number,
  etag: string | undefined,
): PipelineError | undefined {
  const fault = (code: 'DOWNLOAD_CHANGED' | 'DOWNLOAD_NO_RANGES', found: string, fix: string) =>
    new PipelineError({ code, file: url, found, fix });
  if (wanted !== undefined && etag !== undefined && etag !== wanted)
    return fault('DOWNLOAD_CHANGED', `entity tag ${etag} where ${wanted} was`, READ_ANEW);
  if (response.status === 416) return undefined;
  if (response.status === 200 && start > 0)
    return fault(
      'DOWNLOAD_NO_RANGES',
      'a server that sends whole files only, asked for a part of one',
      'give --base-url of a server that knows Range requests',
    );
  const told = toldRange(response);
  if (response.status === 206 && told?.first !== from)
    return fault(
      'DOWNLOAD_CHANGED',
      `bytes from ${told?.first} where ${from} was asked for`,
      READ_ANEW,
    );
  if (totalBytes !== undefined && told?.total !== undefined && told.total !== totalBytes)
    return fault(
      'DOWNLOAD_CHANGED',
      `a file of ${told.total} bytes where ${totalBytes} were announced`,
      READ_ANEW,
    );
  return undefined;
}

/** First byte and size of the whole file, as far as the answer tells them. */
function toldRange(response: Response): { first: number; total: number | undefined } | undefined {
  if (response.status === 200) {
    const length = response.headers.get('content-length');
    return { first: 0, total: length === null ? undefined : Number(length) };
  }
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (match === null) return undefined;
  return { first: Number(match[1]), total: match[2] === '*' ? undefined : Number(match[2]) };
}

/** The stored bytes and what they are of. */
class PartFile {
  readonly #part: string;
  readonly #identity: string;
  readonly #onBytes: OnBytes;
  #bytes = 0;
  #most = 0;
  #etag: string | undefined;

  private constructor(part: string, identity: string, etag: string | undefined, onBytes: OnBytes) {
    this.#part = part;
    this.#identity = identity;
    this.#etag = etag;
    this.#onBytes = onBytes;
  }

  static async open(remote: RemotePart, part: string, onBytes: OnBytes): Promise<PartFile> {
    const { url, identity, start = 0, end } = remote;
    // a signed address has another query each time
    const { origin, pathname } = new URL(url);
    const whose = JSON.stringify([origin, pathname, identity, start, end]);
    const state = await readState(part);
    const size = await stat(part).then(
      (found) => found.size,
      () => 0,
    );
    const mine = state?.identity === whose && size <= (end ?? Infinity) - start;
    const file = new PartFile(part, whose, (mine ? state.etag : undefined) ?? remote.etag, onBytes);
    // without a tag nothing tells whether an unnamed content is still the same
    if (!mine || (identity === '' && file.#etag === undefined)) await file.restart(remote.etag);
    else file.#count(size);
    return file;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get etag(): string | undefined {
    return this.#etag;
  }

  /** Drops what lies behind `keep` bytes; what follows is of the content `etag`. */
  async restart(etag: string | undefined, keep = 0): Promise<void> {
    this.#etag = etag;
    if (keep === 0) await writeFile(this.#part, '');
    await writeFile(stateFile(this.#part), JSON.stringify({ identity: this.#identity, etag }));
    this.#count(keep - this.#bytes);
  }

  /**
   * Stores a body as it comes.
   *
   * @throws PipelineError DOWNLOAD_CHANGED when more than `limit` bytes come in all
   */
  async append(response: Response, attempt: Attempt, limit: number): Promise<void> {
    const handle = await open(this.#part, 'a');
    try {
      // a Response's body iterates over its chunks; the DOM type does not say so
      for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        attempt.alive();
        if (this.#bytes + chunk.length > limit) throw tooLong(response.url, limit);
        await handle.appendFile(chunk);
        this.#count(chunk.length);
        if (this.#bytes <= this.#most) continue;
        this.#most = this.#bytes;
        attempt.progressed();
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (bytes !== 0) this.#onBytes(bytes);
  }
}

function tooLong(url: string, limit: number): PipelineError {
  return new PipelineError({
    code: 'DOWNLOAD_CHANGED',
    file: url,
    found: `more than the ${limit} bytes that were announced`,
    fix: READ_ANEW,
  });
}

async function readState(part: string): Promise<{ identity: string; etag?: string } | undefined> {
  try {
    // written by `restart`; half a file is no JSON and counts as none
    return JSON.parse(await readFile(stateFile(part), 'utf8')) as {
      identity: string;
      etag?: string;
    };
  } catch {
    return undefined; // no state: the bytes beside it are of nobody
  }
}

function stateFile(part: string): string {
  return `${part}.json`;
}

const READ_ANEW = 'start again: the list of files is read anew';

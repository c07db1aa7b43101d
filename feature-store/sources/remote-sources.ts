/**
 * Inputs that lie elsewhere, brought next to the store: from there on they are files like all others.
 *
 * A store is two things: how its files are listed, and how each is read: by GET of its address, or as the
 * store says. The local path is made from the address, so a file that changes takes the place of its former rows, and
 * its identity is the SHA-256 of its content, as of every source.
 */
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import { fetchPart, removePart } from '../download/fetch-part.js';
import { get, withPatience, type HttpOptions } from '../download/http-get.js';
import { listBucket } from './s3-source.js';
import { listWebHdfs } from './webhdfs.js';

/** A file of a remote store. */
export interface RemoteFile {
  /** Where a GET gives its bytes. */
  readonly url: string;
  /** Path in the store, starting with `/`. */
  readonly path: string;
  /** Changes when the content does, as far as the listing tells; without it the server's entity tag decides. */
  readonly identity?: string;
  readonly bytes?: number;
  /** Streams it into a file, whole. @default a GET of `url`, resumed */
  readonly fetch?: (file: string) => Promise<void>;
}

/** True for an address such as `https://…`; everything else is a local path. */
export function isRemote(input: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(input);
}

/**
 * Fetches what is new of the remote inputs; local ones are left as they are.
 *
 * @param inputs local paths, `http(s)://` addresses of a file, `webhdfs://` or `swebhdfs://` addresses of a file or folder, `s3://bucket/key`
 * @param mirrorDir absolute folder, kept from one time to the next; `<scheme>/<host>/<path>` below it
 * @returns for each input the local paths that stand for it
 * @throws PipelineError SOURCE_SCHEME_UNKNOWN; DOWNLOAD_HTTP, DOWNLOAD_REFUSED, DOWNLOAD_CHANGED as of a download
 */
export async function fetchRemoteSources(
  inputs: readonly string[],
  mirrorDir: string,
  options: HttpOptions = {},
): Promise<string[]> {
  const paths: string[] = [];
  for (const input of inputs) {
    if (!isRemote(input)) {
      paths.push(input);
      continue;
    }
    const url = new URL(input);
    const root = path.join(mirrorDir, url.protocol.slice(0, -1), encodeURIComponent(url.host));
    for (const file of await listerOf(url)(url, options)) {
      const target = localPath(root, file);
      await bring(file, target, options);
      paths.push(target);
    }
  }
  return paths;
}

/** Lists the files at an address, folders to any depth. */
type List = (url: URL, options: HttpOptions) => Promise<readonly RemoteFile[]>;

function listerOf({ protocol, href }: URL): List {
  switch (protocol) {
    case 'http:':
    case 'https:':
      return (url) => Promise.resolve([{ url: url.href, path: decodeURIComponent(url.pathname) }]);
    case 's3:':
      return listBucket;
    case 'webhdfs:':
    case 'swebhdfs:':
      return listWebHdfs;
    default:
      throw new PipelineError({
        code: 'SOURCE_SCHEME_UNKNOWN',
        file: href,
        found: `an address that begins with ${protocol}//`,
        expected: 'http://, https://, s3://, webhdfs:// or swebhdfs://',
        fix: 'copy the files into a folder first, or give an https:// address of each',
      });
  }
}

/** Each step of the path is escaped, so that none leads out of `root` or hides as `.part`. */
function localPath(root: string, file: RemoteFile): string {
  const steps = file.path.split('/').filter((step) => !['', '.', '..'].includes(step));
  return path.join(root, ...(steps.length === 0 ? ['index'] : steps).map(encodeURIComponent));
}

async function bring(file: RemoteFile, target: string, options: HttpOptions): Promise<void> {
  const { url, bytes, identity = '' } = file;
  const state = `${target}.source.json`;
  const known = await readState(state);
  const size = await stat(target).then(
    (found) => found.size,
    () => undefined,
  );
  if (known !== undefined && size === known.bytes && (await isCurrent(file, known, options)))
    return;
  await mkdir(path.dirname(target), { recursive: true });
  const part = `${target}.part`;
  let fetched: Pick<FetchedState, 'bytes' | 'etag'>;
  if (file.fetch === undefined)
    fetched = await fetchPart(
      { url, identity, ...(bytes !== undefined && { end: bytes, totalBytes: bytes }) },
      part,
      options,
    );
  else {
    await file.fetch(part);
    fetched = { bytes: (await stat(part)).size, etag: undefined };
  }
  await rename(part, target);
  await removePart(part);
  await writeFile(state, JSON.stringify({ ...fetched, identity } satisfies FetchedState));
}

/** What is known of a file that was fetched. */
interface FetchedState {
  readonly bytes: number;
  readonly identity: string;
  readonly etag: string | undefined;
}

async function isCurrent(
  { url, identity }: RemoteFile,
  known: FetchedState,
  options: HttpOptions,
): Promise<boolean> {
  if (identity !== undefined) return identity === known.identity;
  const { etag } = known;
  if (etag === undefined) return false;
  return withPatience(url, options, async ({ signal }) => {
    const response = await get(url, { 'if-none-match': etag }, signal);
    await response.body?.cancel();
    return response.status === 304;
  });
}

async function readState(file: string): Promise<FetchedState | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as FetchedState; // written by `bring`
  } catch {
    return undefined; // none, or half of one: the file is fetched again
  }
}

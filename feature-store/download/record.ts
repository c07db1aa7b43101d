/**
 * A published data set as the Zenodo records API tells it, and the files that its archives hold.
 *
 * API: `GET /api/records/{id}` -> `files: [{ key, size, checksum: 'md5:…', links: { self } }]`
 * (https://developers.zenodo.org/#records).
 */
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.js';
import { getJson } from './get-json.js';
import { get, TransientError, withPatience, type HttpOptions } from './http-get.js';
import { readZipDirectory, type ZipEntry } from './zip-directory.js';

/** A file as the record publishes it. */
export interface PublishedFile {
  readonly url: string;
  readonly bytes: number;
  /** 32 hex digits. */
  readonly md5: string;
}

/** A file of the data set: published as it is, or a member of a published archive. */
export interface DataSetFile {
  /** Path in the data set, with `/`; the archive's own top folder is left out. */
  readonly path: string;
  /** `2022-05` for what lies in a folder `WEEK-2022-05` or `W-2022-05`; undefined for what belongs to no week. */
  readonly week: string | undefined;
  readonly bytes: number;
  readonly published: PublishedFile;
  /** Where it lies in the archive; undefined for a file published as it is. */
  readonly member?: ZipEntry;
  /** Entity tag of the archive when its directory was read. */
  readonly etag?: string;
}

/**
 * All files of a record, ordered as published. Of an archive only the directory is fetched.
 *
 * @param baseUrl such as `https://zenodo.org`
 * @throws PipelineError DOWNLOAD_RECORD_INVALID, DOWNLOAD_ARCHIVE_INVALID, DOWNLOAD_NO_RANGES, DOWNLOAD_HTTP, DOWNLOAD_REFUSED
 */
export async function listRecord(
  baseUrl: string,
  recordId: string,
  options: HttpOptions = {},
): Promise<DataSetFile[]> {
  const url = new URL(`/api/records/${encodeURIComponent(recordId)}`, baseUrl).href;
  const files: DataSetFile[] = [];
  const published = await getJson(url, record, NO_RECORD, options);
  for (const { key, size, checksum, links } of published.files) {
    const file = { url: links.self, bytes: size, md5: checksum.slice('md5:'.length) };
    if (key.endsWith('.zip')) files.push(...(await listArchive(file, options)));
    else files.push({ path: key, week: weekOf(key), bytes: size, published: file });
  }
  return files;
}

async function listArchive(published: PublishedFile, options: HttpOptions): Promise<DataSetFile[]> {
  const { url, bytes } = published;
  let etag: string | undefined;
  const entries = await readZipDirectory(url, bytes, (start, length) =>
    withPatience(url, options, async ({ signal, alive }) => {
      const response = await get(url, { range: `bytes=${start}-${start + length - 1}` }, signal);
      if (response.status !== 206) {
        await response.body?.cancel();
        throw noRanges(url);
      }
      etag = response.headers.get('etag') ?? undefined;
      const chunks: Uint8Array[] = [];
      // a Response's body iterates over its chunks; the DOM type does not say so
      for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        alive();
        chunks.push(chunk);
      }
      const read = Buffer.concat(chunks);
      if (read.length === length) return read;
      throw new TransientError(
        `${read.length} bytes of the directory where ${length} were asked for`,
      );
    }),
  );
  const top = topFolder(entries);
  return entries.map((member) => ({
    path: member.name.slice(top.length),
    week: weekOf(member.name),
    bytes: member.bytes,
    published,
    member,
    ...(etag !== undefined && { etag }),
  }));
}

/** The folder that holds everything and names no week, with its `/`; empty when there is none. */
function topFolder(entries: readonly ZipEntry[]): string {
  const first = /^[^/]+\//.exec(entries[0]?.name ?? '')?.[0] ?? '';
  const holdsAll = entries.every(({ name }) => name.startsWith(first));
  return holdsAll && weekOf(first) === undefined ? first : '';
}

function weekOf(path: string): string | undefined {
  return /(?:^|\/)W(?:EEK)?-(\d{4}-\d{2})\b/.exec(path)?.[1];
}

function noRanges(url: string): PipelineError {
  return new PipelineError({
    code: 'DOWNLOAD_NO_RANGES',
    file: url,
    found: 'a server that sends whole files only',
    expected: 'one that sends the part of an archive that holds a week',
    fix: 'give --base-url of a server that knows Range requests',
  });
}

const record = z.object({
  files: z
    .array(
      z.object({
        key: z.string().regex(/^[^/\\:]+$/, 'a file name without folders'),
        size: z.int().nonnegative(),
        checksum: z.string().regex(/^md5:[0-9a-f]{32}$/),
        links: z.object({ self: z.url({ protocol: /^https?$/ }) }),
      }),
    )
    .min(1),
});

const NO_RECORD = {
  code: 'DOWNLOAD_RECORD_INVALID',
  expected: 'a record with files, each with key, size, checksum and links.self',
  fix: 'check --record and --base-url',
} as const;

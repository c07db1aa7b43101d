/** A table below a prefix of an S3 bucket. */
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import type { ListObjectsV2CommandInput, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { inParallel } from './in-parallel.js';
import { s3Client } from './s3-client.js';
import {
  MAX_TRIES,
  mayPass,
  pauseAfter,
  rejected,
  repeatable,
  statusOf,
  unreachable,
} from './s3-request.js';
import { stagedMissing, type LocalFile, type TableStorage } from './table-storage.js';

/** @param table `s3://bucket/prefix`, without a slash at the end */
export function s3Storage(table: string): TableStorage {
  const { bucket, prefix } = parseAddress(table);
  const location = (path: string): string => `${table}/${path}`;
  const object = (path: string) => ({ Bucket: bucket, Key: prefix + path });

  const read = (path: string): Promise<string | undefined> =>
    repeatable(location(path), (s3) =>
      unlessMissing(async () => {
        const { Body } = await s3.getObject(object(path));
        return Body?.transformToString();
      }),
    );

  /** A lost answer says nothing: the object itself says whether it is ours. */
  async function create(path: string, text: string): Promise<boolean> {
    const s3 = await s3Client();
    for (let tries = 1; ; tries++)
      try {
        await s3.putObject({ ...object(path), Body: text, IfNoneMatch: '*' });
        return true;
      } catch (error) {
        if (!mayPass(error)) throw rejected(location(path), error);
        const found = await read(path);
        if (found !== undefined) return found === text;
        if (tries === MAX_TRIES) throw unreachable(location(path), error);
        await pauseAfter(tries);
      }
  }

  async function upload(staged: LocalFile): Promise<void> {
    const { file, path, bytes } = staged;
    const size = await stat(file).then(
      (found) => found.size,
      () => undefined,
    );
    if (size === bytes) {
      await repeatable(location(path), (s3) =>
        s3.putObject({
          ...object(path),
          Body: createReadStream(file),
          ContentLength: bytes,
        }),
      );
      return rm(file);
    }
    const there = await repeatable(location(path), (s3) =>
      unlessMissing(() => s3.headObject(object(path))),
    );
    if (there?.ContentLength !== bytes) throw stagedMissing(staged, location(path));
  }

  return {
    location,
    read,
    create,
    listLog: async (after = '') => {
      const folder = '_delta_log/';
      const names = [];
      const pages = listPages(table, {
        Bucket: bucket,
        Prefix: prefix + folder,
        StartAfter: prefix + folder + after,
      });
      for await (const { Contents = [] } of pages)
        for (const { Key = '' } of Contents) names.push(Key.slice(prefix.length + folder.length));
      return names;
    },
    async *listData() {
      for await (const { Contents = [] } of listPages(table, { Bucket: bucket, Prefix: prefix }))
        yield Contents.map(({ Key = '', Size = 0, LastModified }) => ({
          path: Key.slice(prefix.length),
          bytes: Size,
          modifiedMs: LastModified?.getTime() ?? 0,
        })).filter(({ path }) => !path.startsWith('_delta_log/'));
    },
    put: async (files) => {
      await inParallel(files, upload);
    },
    remove: async (paths) => {
      for (let start = 0; start < paths.length; start += PAGE) {
        const Objects = paths.slice(start, start + PAGE).map((path) => ({ Key: prefix + path }));
        await repeatable(table, async (s3) => {
          const { Errors = [] } = await s3.deleteObjects({
            Bucket: bucket,
            Delete: { Quiet: true, Objects },
          });
          const [first] = Errors;
          if (first !== undefined)
            throw new Error(`${String(first.Code)} for ${String(first.Key)}`);
        });
      }
    },
  };
}

/** Names of what lies directly below an address, as the folders of a disk; ascending. */
export async function s3Folders(address: string): Promise<string[]> {
  const { bucket, prefix } = parseAddress(address);
  const names = [];
  const pages = listPages(address, { Bucket: bucket, Prefix: prefix, Delimiter: '/' });
  for await (const { CommonPrefixes = [] } of pages)
    for (const found of CommonPrefixes)
      names.push((found.Prefix ?? '').slice(prefix.length).replace(/\/$/, ''));
  return names.sort();
}

/** All pages of a listing. @param address what it is about, for the errors */
export async function* listPages(
  address: string,
  input: ListObjectsV2CommandInput,
): AsyncGenerator<ListObjectsV2CommandOutput> {
  let token: string | undefined;
  do {
    const page = await repeatable(address, (s3) =>
      s3.listObjectsV2({
        ...input,
        ...(token !== undefined && { ContinuationToken: token }),
      }),
    );
    yield page;
    token = page.NextContinuationToken;
  } while (token !== undefined);
}

async function unlessMissing<T>(request: () => Promise<T>): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    if (statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket') return undefined; // S3 errors are Errors
    throw error;
  }
}

/** `s3://bucket/a/b` -> the bucket and the prefix `a/b/`. */
function parseAddress(address: string): { bucket: string; prefix: string } {
  const [bucket = '', ...folders] = address.slice('s3://'.length).split('/');
  return {
    bucket,
    prefix: folders
      .filter((name) => name !== '')
      .map((name) => `${name}/`)
      .join(''),
  };
}

/** Objects of one delete request, at most. */
const PAGE = 1_000;

/** Flow files in a bucket. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import { repeatable } from '../delta/s3-request.js';
import { listPages } from '../delta/s3-storage.js';
import type { RemoteFile } from './remote-sources.js';

/**
 * All objects at `s3://bucket/key`: the one of that key, and those below it as below a folder.
 *
 * @throws PipelineError S3_UNREACHABLE, S3_REJECTED
 */
export async function listBucket(address: URL): Promise<RemoteFile[]> {
  const bucket = address.host;
  const key = decodeURIComponent(address.pathname.slice(1)).replace(/\/+$/, '');
  const files: RemoteFile[] = [];
  for await (const { Contents = [] } of listPages(address.href, { Bucket: bucket, Prefix: key }))
    for (const { Key = '', ETag = '', Size = 0 } of Contents) {
      // the prefix `flows` is that of `flows-old/` too
      const isBelow = key === '' || Key === key || Key.startsWith(`${key}/`);
      if (!isBelow || Key.endsWith('/')) continue;
      const url = `s3://${bucket}/${Key}`;
      const fetch = (file: string): Promise<void> => fetchObject(bucket, Key, ETag, file);
      files.push({ url, path: `/${Key}`, identity: ETag, bytes: Size, fetch });
    }
  return files;
}

/** Streams an object into a file; a broken one is begun again. */
function fetchObject(bucket: string, key: string, etag: string, file: string): Promise<void> {
  return repeatable(`s3://${bucket}/${key}`, async (s3) => {
    const { Body } = await s3.getObject({ Bucket: bucket, Key: key, IfMatch: etag });
    await pipeline(Body as Readable, createWriteStream(file, { flush: true })); // in Node a body is one
  });
}

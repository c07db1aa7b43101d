/** The one S3 client of a process, set by the usual AWS environment variables. */
import { S3Client } from '@aws-sdk/client-s3';

/**
 * Made at first use: keys, region and endpoint as every AWS program finds them (`AWS_ACCESS_KEY_ID`,
 * `AWS_SECRET_ACCESS_KEY`, `AWS_REGION` or `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL`, the shared files, the
 * role of the machine). An endpoint of one's own is spoken to in path style.
 */
export function s3Client(): S3Client {
  return (client ??= makeClient());
}

let client: S3Client | undefined;

function makeClient(): S3Client {
  const env = process.env;
  const endpoint = env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'];
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'];
  return new S3Client({
    // retries are ours: a create must not be repeated unseen, and a file body can be read only once
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: SILENCE_MS },
    forcePathStyle: endpoint !== undefined,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
  });
}

const CONNECT_MS = 5_000;
/** Silence on the line after which a request counts as lost. */
const SILENCE_MS = 30_000;

/** The one S3 client of a process, set by the usual AWS environment variables. */
import type { S3 } from '@aws-sdk/client-s3';

/**
 * Made at first use: keys, region and endpoint as every AWS program finds them (`AWS_ACCESS_KEY_ID`,
 * `AWS_SECRET_ACCESS_KEY`, `AWS_REGION` or `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL`, the shared files, the
 * role of the machine). An endpoint of one's own is spoken to in path style.
 */
export function s3Client(): Promise<S3> {
  return (client ??= makeClient());
}

let client: Promise<S3> | undefined;

async function makeClient(): Promise<S3> {
  const env = process.env;
  // the pinned release supports our Node; its warning about later ones would stand in every log
  env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  // loaded when it is needed: most homes have their tables on disk
  const { S3 } = await import('@aws-sdk/client-s3');
  const endpoint = env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'];
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'];
  return new S3({
    // retries are ours: a create must not be repeated unseen, and a file body can be read only once
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: SILENCE_MS },
    // else it tells the console of bodies that it would not send again itself
    logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    forcePathStyle: endpoint !== undefined,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
  });
}

const ignore = (): void => undefined;
const CONNECT_MS = 5_000;
/** Silence on the line after which a request counts as lost. */
const SILENCE_MS = 30_000;

/** A real S3 server for tests, behind a proxy that does to requests what a network may do. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** What happens to a request: never done, done and not answered, or broken off within. */
export type S3Fault = 'refused' | 'lost' | 'cut';

interface Request {
  readonly method: string;
  readonly url: string;
}

interface ServerScript {
  readonly s3ServerProgram: string;
  readonly s3Environment: Readonly<Record<string, string>>;
  readonly startS3Server: (
    folder: string,
    bucket: string,
  ) => Promise<{ url: string; close: () => Promise<void> }>;
}
interface ProxyScript {
  readonly startProxy: (options: {
    target: string;
    fault: (request: Request) => S3Fault | undefined;
  }) => Promise<{ url: string; close: () => Promise<void> }>;
}

/** The scripts are plain JavaScript, so what they export is stated above. */
async function load(name: string): Promise<unknown> {
  return import(`../../scripts/prove-delta/${name}.mjs`);
}
const { startProxy } = (await load('faulty-proxy')) as ProxyScript;
const { s3Environment, s3ServerProgram, startS3Server } = (await load('s3-server')) as ServerScript;

/** Whether set-up could build the server: it needs Go. */
export const hasS3Server = existsSync(s3ServerProgram);

let fault: (request: Request) => S3Fault | undefined = () => undefined;

/** Decides the fate of the requests of this test. */
export function disturb(decide: typeof fault): void {
  fault = decide;
  onTestFinished(() => {
    fault = () => undefined;
  });
}

/**
 * Starts both, and points this process at the proxy: an S3 client is made once for all.
 *
 * @param root absolute folder for the buckets
 * @returns address of a bucket, and what ends both
 */
export async function startFaultyS3(
  root: string,
): Promise<{ bucket: string; close: () => Promise<void> }> {
  const server = await startS3Server(path.join(root, 'objects'), 'tables');
  const proxy = await startProxy({ target: server.url, fault: (request) => fault(request) });
  Object.assign(process.env, s3Environment, { AWS_ENDPOINT_URL: proxy.url });
  return {
    bucket: 's3://tables',
    close: async () => {
      await proxy.close();
      await server.close();
    },
  };
}

/** A home that an earlier version has left (test/homes), unpacked and served for one test file. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, vi } from 'vitest';
import { runsCommand } from '../../cli/commands/runs.js';
import { homeLayout } from '../../contracts/home.js';
import { runCommand } from '../cli/run-command.js';
import { startEngine, type EngineEnvironment } from './engine-environment.js';

/** False where zstd is not installed. */
export const canUnpack = ['/usr/bin/zstd', '/usr/local/bin/zstd', '/opt/homebrew/bin/zstd'].some(
  existsSync,
);

/** What `runs show --json` says, as far as the tests look. */
interface Shown {
  readonly state: string;
  readonly rerunOf: string | null;
  readonly temporalRunId: string;
  readonly tasks: readonly { task: string; state: string; tries: number; note: string }[];
}

/** Serves the home of a version for the tests beside the call; `engine()` is there once they run. */
export function servePackedHome(version: string): { engine: () => EngineEnvironment } {
  let folder: string;
  let engine: EngineEnvironment;
  beforeAll(async () => {
    const archive = fileURLToPath(new URL(`../homes/${version}.tar.zst`, import.meta.url));
    folder = await mkdtemp(join(tmpdir(), 'sentinel-packed-home-'));
    execFileSync('tar', ['--zstd', '-xf', archive, '-C', folder]);
    const layout = homeLayout(join(folder, 'home'));
    engine = await startEngine({ layout, dags: [], noop: async ({ value }) => ({ value }) });
    vi.stubEnv('SENTINEL_HOME', layout.home);
    vi.stubEnv('TEMPORAL_ADDRESS', engine.server.address);
  }, 60_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await engine.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return { engine: () => engine };
}

/** A run as `runs show --json` tells of it. */
export async function shown(run: string): Promise<Shown> {
  return (await runCommand(runsCommand, 'show', run, '--json')) as Shown;
}

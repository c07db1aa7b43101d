/** `sentinel temporal` and `sentinel mlflow`: the embedded servers' own CLIs, pointed at this home. */
import { spawnSync } from 'node:child_process';
import { Command } from 'commander';
import { installation } from '../../activities/installation.js';
import { isAlive, readRecord } from '../embedded/process-record.js';
import { currentHome, serverPort } from '../home.js';

/** The `temporal` command. */
export function temporalCommand(): Command {
  return passThrough('temporal', "Temporal's CLI: `sentinel temporal workflow list`", async () => ({
    executable: installation.temporal,
    env: {
      TEMPORAL_ADDRESS: `127.0.0.1:${await serverPort(currentHome(), 'temporal', 'grpc')}`,
      ...(await codecEndpoint()),
    },
  }));
}

/** Where large values come from; a server that outlived its `up` shows references instead. */
async function codecEndpoint(): Promise<Record<string, string>> {
  const record = await readRecord(currentHome().processes, 'codec');
  if (record === undefined || !isAlive(record)) return {};
  return { TEMPORAL_CODEC_ENDPOINT: `http://127.0.0.1:${record.ports['http']}` };
}

/** The `mlflow` command. */
export function mlflowCommand(): Command {
  return passThrough('mlflow', "MLflow's CLI: `sentinel mlflow experiments search`", async () => ({
    executable: installation.mlflow,
    env: {
      MLFLOW_TRACKING_URI: `http://127.0.0.1:${await serverPort(currentHome(), 'mlflow', 'http')}`,
      MLFLOW_DISABLE_TELEMETRY: 'true',
    },
  }));
}

function passThrough(
  name: string,
  description: string,
  target: () => Promise<{ executable: string; env: Record<string, string> }>,
): Command {
  return new Command(name)
    .description(description)
    .argument('[args...]')
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(async (args: string[]) => {
      const { executable, env } = await target();
      const result = spawnSync(executable, args, {
        stdio: 'inherit',
        env: { ...process.env, ...env },
      });
      process.exitCode = result.status ?? 1;
    });
}

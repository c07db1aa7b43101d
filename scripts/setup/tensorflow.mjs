/**
 * TensorFlow's library out of the Python package, and tfjs-node's addon compiled against it.
 *
 * The addon that tfjs-node would download is for TensorFlow 2.9 and comes from a host that many
 * networks block; the Python package is at the same index as everything else.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { hashOf } from './hash.mjs';

const ADDON = 'tfjs_binding.node';
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const NAPI_VERSION = 8; // the newest that tfjs-node knows and that Node 20 to 22 all have

/** @returns {import('./run-steps.mjs').Step} */
export function tensorflow({ root, nodeModules, scripts, setup, tensorflow: target, venv }) {
  const requirements = join(scripts, 'requirements-tensorflow.txt');
  const tfjs = join(nodeModules, '@tensorflow', 'tfjs-node');
  return {
    name: 'tensorflow',
    title: 'TensorFlow and its Node addon',
    needs: ['disk', 'compiler', 'pypi'],
    hash: () => hashOf({ words: [pinOf(root, '@tensorflow/tfjs-node')], files: [requirements] }),
    isPresent: () => [...LIBRARIES, ADDON].every((name) => existsSync(join(target, name))),
    run: async (command) => {
      const scratch = join(setup, 'tensorflow-unfinished');
      rmSync(scratch, { recursive: true, force: true });
      mkdirSync(scratch, { recursive: true });
      const python = join(venv, 'bin', 'python');
      // --python-version: the library is the same in every wheel, so one choice serves every Python
      await command(python, [
        ...['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps'],
        ...['--only-binary=:all:', '--python-version', '3.11', '-d', scratch, '-r', requirements],
      ]);
      const wheel = readdirSync(scratch).find((name) => name.endsWith('.whl'));
      await command(python, [join(scripts, 'setup', 'unpack_tensorflow.py'), join(scratch, wheel)]);
      const unpacked = join(scratch, 'tensorflow');
      await command('c++', compilerArguments({ nodeModules, tfjs, unpacked }));
      rmSync(join(unpacked, 'include'), { recursive: true });
      rmSync(target, { recursive: true, force: true });
      renameSync(unpacked, target);
      rmSync(scratch, { recursive: true });
    },
  };
}

/**
 * Puts library and addon into tfjs-node's folder, where it looks for them; `npm ci` wipes them there.
 *
 * @returns {import('./run-steps.mjs').Step}
 */
export function linkTensorflow({ nodeModules, tensorflow: target }) {
  const tfjs = join(nodeModules, '@tensorflow', 'tfjs-node');
  const addon = join(tfjs, 'lib', `napi-v${NAPI_VERSION}`, ADDON);
  const links = LIBRARIES.map((name) => {
    const path = join(tfjs, 'deps', 'lib', name);
    return { path, to: relative(dirname(path), join(target, name)) };
  });
  return {
    name: 'tensorflow-link',
    title: 'TensorFlow linked into tfjs-node',
    needs: [],
    hash: () => hashOf({ words: [sizeOf(join(target, ADDON))] }),
    isPresent: () =>
      sizeOf(addon) === sizeOf(join(target, ADDON)) &&
      links.every(({ path, to }) => linkTarget(path) === to && existsSync(path)),
    run: () => {
      rmSync(join(tfjs, 'deps'), { recursive: true, force: true });
      mkdirSync(join(tfjs, 'deps', 'lib'), { recursive: true });
      for (const { path, to } of links) symlinkSync(to, path);
      mkdirSync(dirname(addon), { recursive: true });
      copyFileSync(join(target, ADDON), `${addon}.new`);
      renameSync(`${addon}.new`, addon);
      return Promise.resolve();
    },
  };
}

/** What node-gyp would run, less its download of Node's headers: the addon uses Node-API alone. */
function compilerArguments({ nodeModules, tfjs, unpacked }) {
  return [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-fno-exceptions', '-fno-rtti', '-w'],
    ...[`-DNAPI_VERSION=${NAPI_VERSION}`, '-DNODE_GYP_MODULE_NAME=tfjs_binding'],
    ...['-I', join(nodeModules, 'node-api-headers', 'include'), '-I', join(unpacked, 'include')],
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(tfjs, 'binding', name)),
    ...['-L', unpacked, ...LIBRARIES.map((name) => `-l:${name}`)],
    '-Wl,-rpath,$ORIGIN/../../deps/lib', // seen from lib/napi-v8/
    ...['-o', join(unpacked, ADDON)],
  ];
}

/** The exact version that package.json asks for. */
function pinOf(root, name) {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies[name];
}

function sizeOf(path) {
  return existsSync(path) ? String(statSync(path).size) : 'none';
}

function linkTarget(path) {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // not there, or not a link
  }
}

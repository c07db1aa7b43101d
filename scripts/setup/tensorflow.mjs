/** TensorFlow's library out of the Python package, which is at the same index as everything else. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf } from './hash.mjs';

const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

/** @returns {import('./run-steps.mjs').Step} */
export function tensorflow({ scripts, setup, tensorflow: target, venv }) {
  const requirements = join(scripts, 'requirements-tensorflow.txt');
  return {
    name: 'tensorflow',
    title: 'TensorFlow',
    needs: ['disk', 'pypi'],
    hash: () => hashOf({ words: LIBRARIES, files: [requirements] }),
    isPresent: () => LIBRARIES.every((name) => existsSync(join(target, name))),
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
      rmSync(target, { recursive: true, force: true });
      renameSync(join(scratch, 'tensorflow'), target);
      rmSync(scratch, { recursive: true });
    },
  };
}

/**
 * A private Python environment: Temporal's server and CLI, MLflow, XGBoost's library, DuckDB's extensions.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findPython } from './checks.mjs';
import { hashOf } from './hash.mjs';

/** @returns {import('./run-steps.mjs').Step} */
export function pythonPackages({ scripts, setup, venv }) {
  const requirements = join(scripts, 'requirements.txt');
  return {
    name: 'python-packages',
    title: 'Python packages (Temporal, MLflow, XGBoost)',
    needs: ['disk', 'python', 'pypi'],
    hash: () => hashOf({ words: [venv], files: [requirements] }),
    isPresent: () =>
      isBuiltHere(venv) &&
      ['temporal', 'mlflow'].every((name) => existsSync(join(venv, 'bin', name))),
    run: async (command) => {
      await whole({ setup, venv }, async (isNew) => {
        if (isNew) {
          const python = findPython();
          if (python.program === undefined) throw new Error(python.missing.found);
          await command(python.program, ['-m', 'venv', venv]);
        }
        await command(...pipInstall(venv, requirements));
      });
    },
  };
}

/** @returns {import('./run-steps.mjs').Step} */
export function pythonTestPackages({ scripts, setup, venv }) {
  const base = join(scripts, 'requirements.txt');
  const requirements = join(scripts, 'requirements-test.txt');
  return {
    name: 'python-test-packages',
    title: 'Python packages for the tests',
    needs: ['disk', 'pypi'],
    hash: () => hashOf({ words: [venv], files: [base, requirements] }),
    isPresent: () => isBuiltHere(venv),
    run: async (command) => {
      await whole({ setup, venv }, () => command(...pipInstall(venv, requirements)));
    },
  };
}

/** Runs `change` on the environment; one left unfinished by a kill is thrown away first. */
async function whole({ setup, venv }, change) {
  const unfinished = join(setup, 'venv-unfinished');
  if (existsSync(unfinished) || !isBuiltHere(venv)) rmSync(venv, { recursive: true, force: true });
  mkdirSync(dirname(unfinished), { recursive: true });
  writeFileSync(unfinished, '');
  await change(!existsSync(venv));
  rmSync(unfinished);
}

/** An environment holds its own path, so one that was moved along with its checkout is useless. */
function isBuiltHere(venv) {
  const python = join(venv, 'bin', 'python');
  const pip = join(venv, 'bin', 'pip');
  return (
    existsSync(python) &&
    existsSync(pip) &&
    readFileSync(pip, 'utf8').startsWith(`#!${join(venv, 'bin')}/python`)
  );
}

function pipInstall(venv, requirements) {
  const options = ['--disable-pip-version-check', '--no-input', '--prefer-binary', '--quiet'];
  return [join(venv, 'bin', 'python'), ['-m', 'pip', 'install', ...options, '-r', requirements]];
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTicksOf } from '../../cli/embedded/process-record.js';

interface Step {
  name: string;
  title: string;
  needs: string[];
  hash: () => string;
  isPresent: () => boolean;
  run: (command: unknown) => Promise<void>;
}
interface RunSteps {
  runSteps: (options: {
    steps: Step[];
    stamps: string;
    command: unknown;
    say: (text: string) => void;
  }) => Promise<void>;
  describePending: (
    steps: Step[],
    stamps: string,
  ) => { name: string; state: string; reason?: string }[];
}
interface Checks {
  findMissing: (
    needs: Set<string>,
    options: { root: string; machine: object },
  ) => Promise<{ what: string; found: string; fix: string }[]>;
  describeMissing: (missing: { what: string; found: string; fix: string }[]) => string;
}

/** The scripts are plain JavaScript, so what they export is stated above. */
async function load(name: string): Promise<unknown> {
  return import(`../../scripts/setup/${name}.mjs`);
}
const { runSteps, describePending } = (await load('run-steps')) as RunSteps;
const { findMissing, describeMissing } = (await load('checks')) as Checks;
const { redact } = (await load('command')) as { redact: (line: string) => string };

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sentinel-setup-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('steps', () => {
  const ran: string[] = [];
  beforeEach(() => ran.splice(0));
  const aStep = (name: string, change: Partial<Step> = {}): Step => ({
    name,
    title: name,
    needs: [],
    hash: () => 'same',
    isPresent: () => true,
    run: () => {
      ran.push(name);
      return Promise.resolve();
    },
    ...change,
  });
  const go = (...steps: Step[]) =>
    runSteps({ steps, stamps: join(root, 'stamps'), command: () => {}, say: () => {} });

  it('run once, in order', async () => {
    await go(aStep('a'), aStep('b'));
    await go(aStep('a'), aStep('b'));
    expect(ran).toEqual(['a', 'b']);
  });

  it('run again when their inputs changed', async () => {
    await go(aStep('a'), aStep('b'));
    await go(aStep('a'), aStep('b', { hash: () => 'other' }));
    expect(ran).toEqual(['a', 'b', 'b']);
  });

  it('run again when an earlier step removed their files', async () => {
    let isPresent = true;
    await go(aStep('link', { isPresent: () => isPresent }));
    isPresent = false;
    const reinstall = aStep('install', { hash: () => 'new lock file' });
    const link = aStep('link', {
      isPresent: () => isPresent,
      run: () => {
        isPresent = true;
        ran.push('link again');
        return Promise.resolve();
      },
    });
    await go(reinstall, link);
    expect(ran).toEqual(['link', 'install', 'link again']);
  });

  it('leave no stamp when they fail, and hold back the later ones', async () => {
    const fails = aStep('b', { run: () => Promise.reject(new Error('no disk')) });
    await expect(go(aStep('a'), fails, aStep('c'))).rejects.toThrow('no disk');
    const states = describePending([aStep('a'), aStep('b'), aStep('c')], join(root, 'stamps'));
    expect(states.map(({ state }) => state)).toEqual(['done', 'pending', 'pending']);
    expect(ran).toEqual(['a']);
  });

  it('are not believed when their files are missing at the end', async () => {
    await expect(go(aStep('a', { isPresent: () => false }))).rejects.toThrow(
      /^SETUP_STEP_FAILED a: it ended without an error, but its files are not there/,
    );
  });
});

describe('a set-up', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  const start = (seconds: number) => {
    const script = join(import.meta.dirname, 'fake-set-up.mjs');
    const child = spawn(process.execPath, [script, root, String(seconds)], { stdio: 'pipe' });
    children.push(child);
    return { child, ended: once(child, 'exit').then(([code]: (number | null)[]) => code) };
  };
  const journal = () =>
    existsSync(join(root, 'journal')) ? readFileSync(join(root, 'journal'), 'utf8') : '';
  const until = async (claim: () => boolean) => {
    while (!claim()) await sleep(10);
  };

  it('that was killed goes on with the step it was in, after ending the program it left', async () => {
    const first = start(600);
    const record = join(root, 'child.json');
    // it is there before it is written
    const isWritten = () => existsSync(record) && readFileSync(record, 'utf8').endsWith('}');
    await until(() => journal().includes('start b') && isWritten());
    const left = JSON.parse(readFileSync(record, 'utf8')) as { pid: number };
    first.child.kill('SIGKILL');
    await first.ended;
    expect(startTicksOf(left.pid)).toBeDefined();
    expect(await start(0).ended).toBe(0);
    expect(startTicksOf(left.pid)).toBeUndefined();
    expect(journal().trim().split('\n')).toEqual(['start a', 'start b', 'start b', 'start c']);
  }, 20_000);

  it('ends its program when it is told to stop', async () => {
    const first = start(600);
    const record = join(root, 'child.json');
    // it is there before it is written
    const isWritten = () => existsSync(record) && readFileSync(record, 'utf8').endsWith('}');
    await until(() => journal().includes('start b') && isWritten());
    const left = JSON.parse(readFileSync(record, 'utf8')) as { pid: number };
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(143);
    await until(() => startTicksOf(left.pid) === undefined);
  }, 20_000);

  it('waits for another one of the same checkout, and then has nothing to do', async () => {
    const first = start(1);
    await until(() => journal().includes('start b'));
    const second = start(0);
    const said: string[] = [];
    second.child.stderr?.on('data', (text: Buffer) => said.push(text.toString()));
    expect(await Promise.all([first.ended, second.ended])).toEqual([0, 0]);
    expect(said.join('')).toBe('waiting\n');
    expect(journal().trim().split('\n')).toEqual(['start a', 'start b', 'start c']);
  }, 20_000);

  it('shows the last lines of a program that failed, and where the rest is', async () => {
    const { createCommand } = (await load('command')) as {
      createCommand: (
        options: object,
      ) => (step: string, program: string, args: string[]) => Promise<void>;
    };
    const logs = join(root, 'logs');
    const command = createCommand({ childFile: join(root, 'child.json'), logs, root });
    await expect(command('a', 'sh', ['-c', 'echo no space left >&2; exit 3'])).rejects.toThrow(
      /^SETUP_STEP_FAILED a: sh ended with 3\n[^]*no space left[^]*Fix: .*logs\/a\.log$/,
    );
    expect(readFileSync(join(logs, 'a.log'), 'utf8')).toContain('no space left');
  });
});

describe('checks', () => {
  const good = {
    platform: 'linux x64',
    nodeVersion: '20.19.0',
    glibc: '2.36',
    freeBytes: () => 100e9,
    probe: () => ({ ok: true, output: '3.12' }),
  };
  const all = new Set(['disk', 'python', 'npm', 'pypi']);

  it('find nothing on a good machine', async () => {
    expect(await findMissing(all, { root, machine: good })).toEqual([]);
  });

  it('tell everything that is missing in one message, each with its mend', async () => {
    const bad = {
      platform: 'darwin arm64',
      nodeVersion: '18.20.0',
      glibc: undefined,
      freeBytes: () => 1e9,
      probe: () => ({ ok: false, output: '' }),
    };
    const message = describeMissing(await findMissing(all, { root, machine: bad }));
    expect(message).toMatch(/^SETUP_INCOMPLETE: 5 things are missing, nothing was downloaded:/);
    for (const what of ['this is darwin arm64', 'this is 18.20.0', '1.0 GB free']) {
      expect(message).toContain(what);
    }
    expect(message.match(/Fix: /g)).toHaveLength(5);
  });

  it.each([
    ['23.0.0', 1],
    ['20.18.9', 1],
    ['22.1.0', 0],
  ])('judge Node %s', async (nodeVersion, faults) => {
    const machine = { ...good, nodeVersion };
    expect(await findMissing(new Set(), { root, machine })).toHaveLength(faults);
  });

  it('take another Python when the first is too new or lacks a module', async () => {
    const probe = (program: string) => {
      if (program === 'python3') return { ok: true, output: '3.14' };
      if (program === 'python3.13') return { ok: false, output: '3.13\n' };
      return { ok: program !== 'python3.12', output: program === 'python3.11' ? '3.11' : '' };
    };
    expect(await findMissing(new Set(['python']), { root, machine: { ...good, probe } })).toEqual(
      [],
    );
    const none = (program: string) =>
      program === 'python3.11' ? { ok: false, output: '' } : probe(program);
    const [missing] = await findMissing(new Set(['python']), {
      root,
      machine: { ...good, probe: none },
    });
    expect(missing?.found).toContain('python3 is 3.14, python3.13 3.13 lacks the modules venv');
    expect(missing?.fix).toContain('python3-venv');
  });
});

describe('output', () => {
  it.each([
    [
      'Looking in indexes: https://user:secret@pypi.example/simple',
      'Looking in indexes: <address>',
    ],
    [
      "HTTPSConnectionPool(host='pypi.example', port=443)",
      "HTTPSConnectionPool(host='<address>', port=443)",
    ],
    [
      'npm error request failed, reason: getaddrinfo ENOTFOUND npm.example',
      'npm error request failed, reason: getaddrinfo ENOTFOUND <address>',
    ],
  ])('never names a package source: %s', (line, shown) => {
    expect(redact(line)).toBe(shown);
  });
});

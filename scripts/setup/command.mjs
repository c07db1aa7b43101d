/**
 * Runs the programs of a step: output into the step's log, addresses of package sources blotted out,
 * the whole process group ended with us, and found again when we were killed.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TAIL_LINES = 20;

/**
 * A function that runs one program to its end and throws, with the last lines, when it fails.
 *
 * @param {{ childFile: string, logs: string, root: string }} options
 * @returns {(step: string, program: string, args: string[], options?: { env?: Record<string, string> }) => Promise<void>}
 */
export function createCommand({ childFile, logs, root }) {
  return async (step, program, args, { env = {} } = {}) => {
    mkdirSync(logs, { recursive: true });
    mkdirSync(dirname(childFile), { recursive: true });
    const log = join(logs, `${step}.log`);
    const tail = [];
    const keep = (line) => {
      const text = redact(line);
      appendFileSync(log, `${text}\n`);
      tail.push(text);
      if (tail.length > TAIL_LINES) tail.shift();
    };
    keep(`$ ${program} ${args.join(' ')}`);
    let child;
    const stop = (signal) => {
      endGroup(child?.pid);
      process.exit(signal === 'SIGINT' ? 130 : 143);
    };
    // before the program starts: told to stop in between, we would leave it behind
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    child = spawn(program, args, {
      cwd: root,
      detached: true,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (child.pid !== undefined) {
      const record = { pid: child.pid, startTime: startTimeOf(child.pid) };
      writeFileSync(childFile, JSON.stringify(record));
    }
    try {
      eachLine(child.stdout, keep);
      eachLine(child.stderr, keep);
      const end = await new Promise((resolve) => {
        child.once('error', (error) => resolve(error.message));
        child.once('close', (code, signal) => resolve(signal ?? code));
      });
      if (end !== 0) throw new Error(describeFailure(step, program, end, tail, log));
    } finally {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
      rmSync(childFile, { force: true });
    }
  };
}

/**
 * Ends the program that a killed set-up left behind, so that two of them never write the same files.
 *
 * @param {string} childFile where `createCommand` notes the running program
 */
export async function endLeftover(childFile) {
  let record;
  try {
    record = JSON.parse(readFileSync(childFile, 'utf8'));
  } catch {
    return; // no note, or one cut off by the kill before the program did anything
  }
  if (record.startTime !== undefined && startTimeOf(record.pid) === record.startTime) {
    endGroup(record.pid);
    while (startTimeOf(record.pid) === record.startTime) await sleep(20);
  }
  rmSync(childFile, { force: true });
}

/**
 * The line without the addresses of package sources: they may hold names or passwords of a company.
 *
 * @public its test loads this file by a path that is put together
 * @param {string} line
 */
export function redact(line) {
  return line
    .replaceAll(/[a-z+]+:\/\/[^\s'")\]]+/gi, '<address>')
    .replaceAll(/host='[^']*'/g, "host='<address>'")
    .replaceAll(/(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT) \S+/g, '$1 <address>');
}

function describeFailure(step, program, end, tail, log) {
  const lines = tail.map((line) => `    ${line}`).join('\n');
  return (
    `SETUP_STEP_FAILED ${step}: ${program} ended with ${end}\n${lines}\n` +
    `Fix: mend what the last lines say, then run the same command again; it goes on with this step. ` +
    `Whole output: ${log}`
  );
}

function eachLine(stream, keep) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) if (line.trim() !== '') keep(line);
  });
  stream.on('end', () => {
    if (rest.trim() !== '') keep(rest);
  });
}

function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // the group ended by itself
  }
}

/** Start time of a process in clock ticks since boot: with the pid it names one process for good. */
function startTimeOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined; // no such process
  }
}

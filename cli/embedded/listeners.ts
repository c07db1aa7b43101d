/** Who listens on a port of this machine: a server that answers there may be another home's. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { markedProcesses } from './marked-processes.js';

/** `ours` when a process of the home with that mark listens on the TCP port, `none` when nobody does. */
export function portHolder(home: string, name: string, port: number): 'ours' | 'other' | 'none' {
  const sockets = listeningSockets(port);
  if (sockets.length === 0) return 'none';
  const own = new Set(markedProcesses(home, name).flatMap(socketsOf));
  return sockets.some((socket) => own.has(socket)) ? 'ours' : 'other';
}

/** Inodes of the sockets that listen on a port, from /proc/net/tcp. */
function listeningSockets(port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap((file) => linesOf(file).slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) === true && fields[3] === LISTEN)
    .map((fields) => `socket:[${fields[9]}]`);
}

/** State of a listening socket in /proc/net/tcp. */
const LISTEN = '0A';

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n');
  } catch {
    return []; // a kernel without IPv6
  }
}

function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // it has ended
  }
}

function linkOf(file: string): string[] {
  try {
    return [readlinkSync(file)];
  } catch {
    return []; // closed in between
  }
}

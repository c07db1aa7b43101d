import { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installation } from '../../activities/installation.js';
import { deploySchedule, pauseSchedule, unpauseSchedule } from '../../cli/deploy-schedule.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag } from '../../dag/declare.js';

const schedule = { cron: '0 4 * * 1', timeZone: 'Europe/Prague' };
const act = activities<Tasks>();
const monday = dag('monday', { params: {}, partitions: 'iso-week', schedule }, (d) =>
  d.task('only', act.noop, { input: { value: 1 } }),
);

let server: TestWorkflowEnvironment;
beforeAll(async () => {
  server = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'existing-path', path: installation.temporal } },
  });
}, 60_000);
afterAll(() => server.teardown());

test('a schedule ticks only between unpause and pause, and each says why', async () => {
  await deploySchedule(server.client, monday);
  expect(await state()).toMatch(/^paused: .* until `sentinel up` has done its main job/);
  await unpauseSchedule(server.client, 'monday');
  expect(await state()).toMatch(/^ticking: .* the main job has ended/);
  await pauseSchedule(server.client, 'monday');
  expect(await state()).toMatch(/^paused: .* until/);
});

test('one that a killed `up` has left ticking is paused when it is deployed again', async () => {
  await unpauseSchedule(server.client, 'monday');
  await deploySchedule(server.client, monday);
  expect(await state()).toMatch(/^paused: /);
});

test('one that the user has paused stays so, with the note of the user', async () => {
  await unpauseSchedule(server.client, 'monday');
  await server.client.schedule.getHandle('monday').pause('holidays');
  await deploySchedule(server.client, monday);
  await unpauseSchedule(server.client, 'monday');
  expect(await state()).toBe('paused: holidays');
  await pauseSchedule(server.client, 'monday');
  expect(await state()).toBe('paused: holidays');
});

async function state(): Promise<string> {
  const { state } = await server.client.schedule.getHandle('monday').describe();
  return `${state.paused ? 'paused' : 'ticking'}: ${state.note}`;
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type DoctorReport, describeReport, runDoctor } from '../../cli/doctor.js';

const root = join(import.meta.dirname, '../..');
const home = mkdtempSync(join(tmpdir(), 'sentinel-doctor-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

function versionOf(report: DoctorReport, name: string): string | undefined {
  return report.parts.find(({ part, works }) => part === name && works)?.version;
}

describe('doctor', () => {
  it('tries every part and reads its version', async () => {
    const report = await runDoctor({ root, home });
    expect(versionOf(report, 'Temporal CLI')).toBe('1.9.1');
    expect(versionOf(report, 'Temporal server')).toBe('1.32.0');
    expect(versionOf(report, 'MLflow')).toBe('3.17.2');
    expect(versionOf(report, 'XGBoost library')).toBe('3.2.0');
    expect(versionOf(report, 'LightGBM library')).toBe('4.6.0');
    expect(versionOf(report, 'TensorFlow library')).toBe('2.21.0');
    expect(versionOf(report, 'DuckDB and its extensions')).toBe('v1.5.5 with delta, httpfs');
  }, 60_000);

  it('names what is broken, why, and how to mend it', async () => {
    const report = await runDoctor({ root, home, setupDir: join(home, 'nothing') });
    expect(report.ok).toBe(false);
    const broken = report.parts.filter(({ works }) => !works);
    expect(broken.map(({ part }) => part)).toEqual(
      expect.arrayContaining([
        'Python',
        'Temporal CLI',
        'MLflow',
        'XGBoost library',
        'LightGBM library',
      ]),
    );
    expect(broken.find(({ part }) => part === 'MLflow')?.found).toMatch(/ENOENT/);
    const text = describeReport(report);
    expect(text).toContain('Temporal CLI: run `node scripts/setup.mjs` in the checkout');
    expect(text).toContain('Something that is needed does not work.');
  }, 60_000);
});

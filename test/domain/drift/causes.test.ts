import { expect, test } from 'vitest';
import { causesOf, type WindowFindings } from '../../../domain/drift/causes.js';

const calm: WindowFindings = {
  ...{ readings: [], medianShift: 0, movedClasses: [], features: [], newServices: [] },
};

const drifted = (...signals: string[]): Pick<WindowFindings, 'readings'> => ({
  readings: signals.map((signal) => ({ signal, value: 2, threshold: 1, calm: 0.8 })),
});

const named = (...names: string[]): { name: string }[] => names.map((name) => ({ name }));

test.each<[string, Partial<WindowFindings>, string[]]>([
  ['nothing', {}, []],
  [
    'most classes',
    { ...drifted('feature_severity'), medianShift: 0.1, features: named('SIZE_5', 'IPT_5') },
    ['exporter change: most classes moved, most in SIZE_5, IPT_5'],
  ],
  [
    'some classes',
    {
      ...drifted('feature_severity', 'class_severity'),
      ...{ movedClasses: named('a', 'b', 'c', 'd', 'e'), features: named('SIZE_2') },
    },
    ['changed services (certificate, front end, endpoints): a, b, c and 2 more; most in SIZE_2'],
  ],
  [
    'flows of new names',
    { ...drifted('new_service', 'reject_rise'), newServices: named('b.example', 'a.example') },
    ['new services: b.example, a.example', 'flows of services that the model does not know'],
  ],
  ['names', drifted('sni_kl'), ['names changed, flows did not']],
  ['names and flows', drifted('sni_kl', 'feature_severity'), ['names changed']],
  [
    'the mix, and unknown services',
    drifted('class_mix', 'reject_rise'),
    ['flows of services that the model does not know', 'shares of the classes changed'],
  ],
])('of a window in which %s moved', (_, findings, causes) => {
  expect(causesOf({ ...calm, ...findings })).toEqual(causes);
});

test('what was not judged is no cause', () => {
  const readings = [{ signal: 'sni_kl', value: 2, threshold: null, calm: null }];
  expect(causesOf({ ...calm, readings })).toEqual([]);
});

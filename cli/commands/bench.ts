/** `sentinel bench`: how fast we are, against a peer in the same run. */
import { Argument, Command } from 'commander';
import { benchEngine } from '../bench/engine.js';
import { wholeNumber } from '../option-values.js';
import { printJson, say, table } from '../output.js';

const BENCHES = { engine: benchEngine } as const;

/** The `bench` command. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('measure against a peer, in alternating pairs; ratios are ours / theirs')
    .addArgument(new Argument('<name>', 'which bench').choices(Object.keys(BENCHES)))
    .option('--pairs <n>', 'pairs a case', '7')
    .option('--json', 'as JSON', false)
    .action(async (name: keyof typeof BENCHES, options: { pairs: string; json: boolean }) => {
      const cases = await BENCHES[name](wholeNumber('--pairs', options.pairs, 1), say);
      if (options.json) {
        printJson({ bench: name, cases });
        return;
      }
      const head = ['case', 'unit', 'ours', 'theirs', 'ratio', '95 % interval', 'peer'];
      const rows = cases.map(({ interval, ...result }) => [
        ...[result.case, result.unit],
        ...[result.ours, result.theirs, result.ratio].map((value) => value.toFixed(2)),
        ...[interval.map((value) => value.toFixed(2)).join(' .. '), result.peer],
      ]);
      process.stdout.write(`${table(head, rows)}\n`);
    });
}

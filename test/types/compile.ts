/** The TypeScript compiler over files of tests, in memory where they have no place on disk. */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * What `tsc` says of each file under the project's settings, by path.
 *
 * @param files absolute paths; with text instead of what is on disk where some is given
 */
export function diagnosticsOf(
  files: ReadonlyMap<string, string | undefined>,
): ReadonlyMap<string, readonly string[]> {
  const { config } = ts.readConfigFile(`${ROOT}tsconfig.json`, (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  host.fileExists = (path) => files.get(path) !== undefined || ts.sys.fileExists(path);
  host.readFile = (path) => files.get(path) ?? ts.sys.readFile(path);
  const program = ts.createProgram([...files.keys()], options, host);
  return new Map(
    [...files.keys()].map((path) => [
      path,
      ts.getPreEmitDiagnostics(program, program.getSourceFile(path)).map(textOf),
    ]),
  );
}

function textOf({ messageText }: ts.Diagnostic): string {
  return ts.flattenDiagnosticMessageText(messageText, '\n');
}

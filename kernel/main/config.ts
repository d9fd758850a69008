import { readFileSync } from 'node:fs';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import { parse } from 'yaml';
import { loadFlags, misspelt, peek, type FlagTable, type FlagValues } from './flags.js';

/** All the settings of a daemon from its arguments, environment and `--config FILE`. Throws INVALID_FLAG. */
export function loadConfig<Table extends FlagTable>(
  table: Table,
  unsupported: readonly string[],
  argv: readonly string[] = process.argv.slice(2),
  env: Readonly<Record<string, string | undefined>> = process.env,
): FlagValues<Table> {
  for (const line of misspelt(table, env)) process.stderr.write(`${line}\n`);
  const config = peek('config', argv, env);
  return loadFlags(table, { argv, env, unsupported, ...(config !== undefined && { file: readYaml(config) }) });
}

function readYaml(file: string): Record<string, unknown> {
  try {
    const value: unknown = parse(readFileSync(file, 'utf8')) ?? {};
    if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
    throw new Error('it is not a list of `flag: value`');
  } catch (error) {
    throw new MezzoError('INVALID_FLAG', `cannot read --config ${file}: ${messageOf(error)}`, {
      blame: 'operator',
      next: 'the file holds one `flag: value` per line, named as on the command line',
    });
  }
}

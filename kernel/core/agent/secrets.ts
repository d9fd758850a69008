import type { CommandInfo, EnvironmentVariable, SecretReference } from '@mezzo/sdk/api';
import { base64Text } from '@mezzo/sdk/contract';
import type { AgentConfig } from './state.js';

/** Variables whose values lie with a secret store: the shell asks for them, and no state, effect or checkpoint ever has them. */
export interface SecretVariable {
  readonly variable: string;
  readonly reference: SecretReference;
}

const MAX_OF_A_LAUNCH = 64;
/** What a shell does not take is handed to programs in argument lists, which all can read. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const variablesOf = (command: CommandInfo | undefined): readonly EnvironmentVariable[] =>
  command?.environment?.variables ?? [];

/** Of a secret that brings its value along, and that is text. */
export const secretText = ({ secret }: EnvironmentVariable): string | undefined =>
  secret?.value && base64Text(secret.value.data);

export const isElsewhere = (variable: EnvironmentVariable): boolean =>
  variable.type === 'SECRET' && secretText(variable) === undefined;

/** What is to be asked for before a launch. Of variables of one name the last counts. */
export function secretsOf(command: CommandInfo | undefined): { readonly secrets?: readonly SecretVariable[] } {
  const last = new Map(variablesOf(command).map((variable) => [variable.name, variable]));
  const secrets = [...last.values()].flatMap((one) =>
    isElsewhere(one) && one.secret?.reference ? [{ variable: one.name, reference: one.secret.reference }] : [],
  );
  return secrets.length === 0 ? {} : { secrets };
}

/** Why a command cannot be given the secrets of its environment. `where`: what has no step in which to ask for them. */
export function secretFault(
  { secretResolver }: AgentConfig,
  command: CommandInfo | undefined,
  where?: string,
): string | undefined {
  const elsewhere = variablesOf(command).filter(isElsewhere);
  const odd = elsewhere.find(({ secret }) => secretResolver === undefined || !secret?.reference?.name);
  if (odd) return `Secrets that hold no text are not supported yet (environment variable ${odd.name})`;
  const [first] = elsewhere;
  if (first && where) return `Secrets by reference are not supported ${where} (environment variable ${first.name})`;
  if (elsewhere.length > MAX_OF_A_LAUNCH)
    return `${elsewhere.length} environment variables are secrets by reference, ${MAX_OF_A_LAUNCH} can be`;
  const unfit = elsewhere.find(({ name }) => !NAME.test(name));
  return unfit && `'${unfit.name}' cannot hold a secret by reference: the name must match ${NAME.source}`;
}

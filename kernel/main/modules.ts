import type { Resource } from '@mezzo/sdk/api';
import type { QosController, ResourceEstimator } from '@mezzo/sdk/points/oversubscription';
import type { Flag } from './flags.js';
import { Resources } from '../core/resources/index.js';
import {
  FIXED_ESTIMATOR,
  FixedEstimator,
  LOAD_CONTROLLER,
  LoadQosController,
  type Oversubscription,
} from '../shell/agent/oversubscription.js';

/** What `--modules` of an agent says of the modules of Mesos that are built in here. */
export interface ModuleParameters {
  readonly text: string;
  /** Of the fixed estimator. */
  readonly resources: readonly Resource[];
  /** Of the load controller. */
  readonly load5: number | undefined;
  readonly load15: number | undefined;
}

type Json = Readonly<Record<string, unknown>>;
type Parameters = Readonly<Record<string, string>>;

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  [FIXED_ESTIMATOR]: ['resources'],
  [LOAD_CONTROLLER]: ['load_threshold_5min', 'load_threshold_15min'],
};

/** `{"libraries": [{"file": F, "modules": [{"name": N, "parameters": [{"key": K, "value": V}]}]}]}`. Files are not looked at. */
export function parseModules(text: string): ModuleParameters {
  const { libraries } = Object(JSON.parse(text)) as { libraries?: unknown };
  const modules = listOf(libraries).flatMap((library) => listOf(library.modules));
  const all: Parameters = Object.assign({}, ...modules.map(parametersOf)) as Parameters;
  return {
    text,
    resources: Resources.parse(all.resources ?? '').toMessages(),
    load5: numberOf(all, 'load_threshold_5min'),
    load15: numberOf(all, 'load_threshold_15min'),
  };
}

export const modulesFlag: Flag<ModuleParameters | undefined> = {
  help: 'JSON with the parameters of the resource estimator and the QoS controller that agents have built in, by the names of their modules',
  default: undefined,
  parse: parseModules,
  show: (given) => given?.text ?? '',
};

/** One of them may stand without a list. */
const listOf = (value: unknown): Json[] =>
  (Array.isArray(value) ? value : value === undefined ? [] : [value]).map((one) => Object(one) as Json);

function parametersOf({ name, parameters }: Json): Parameters {
  const known = KNOWN[String(name)];
  if (known === undefined)
    throw new Error(
      `'${String(name)}' is native code, which is not loaded: ${Object.keys(KNOWN).join(' and ')} are built in, others are written as plugins`,
    );
  const given = listOf(parameters).map(({ key, value }) => [String(key), String(value)] as const);
  const unknown = given.find(([key]) => !known.includes(key));
  if (unknown) throw new Error(`'${unknown[0]}' is no parameter of ${String(name)}: it has ${known.join(' and ')}`);
  return Object.fromEntries(given);
}

function numberOf(all: Parameters, name: string): number | undefined {
  const text = all[name];
  if (text === undefined || Number(text) >= 0) return text === undefined ? undefined : Number(text);
  throw new Error(`'${name}' is '${text}': it must be a number of 0 or more`);
}

/** Names, of those who are wanted. */
export interface WantedOversubscribers {
  readonly resource_estimator: string | undefined;
  readonly qos_controller: string | undefined;
}

export interface Oversubscribers {
  readonly estimators: readonly ResourceEstimator[];
  readonly controllers: readonly QosController[];
}

export const builtIns = (modules: ModuleParameters | undefined): Oversubscribers => ({
  estimators: [new FixedEstimator(modules?.resources ?? [])],
  controllers: [new LoadQosController(modules ?? {})],
});

/** Starts those that are wanted and there; answers who is still wanted. */
export function oversubscribe(
  oversubscription: Oversubscription,
  wanted: WantedOversubscribers,
  { estimators, controllers }: Oversubscribers,
): WantedOversubscribers {
  const estimator = estimators.find(({ name }) => name === wanted.resource_estimator);
  const controller = controllers.find(({ name }) => name === wanted.qos_controller);
  if (estimator) oversubscription.estimate(estimator);
  if (controller) oversubscription.control(controller);
  return {
    resource_estimator: estimator ? undefined : wanted.resource_estimator,
    qos_controller: controller ? undefined : wanted.qos_controller,
  };
}

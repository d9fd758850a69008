export * from './fake-containerizer.js';
export { containerizerSuite, type ContainerizerSuiteOptions, type Law } from './containerizer-suite.js';
export { SHELL_BEHAVIOURS, type Behaviours } from './containerizer-behaviours.js';
export { authenticatorSuite, type AuthenticatorSuiteOptions } from './authenticator-suite.js';
export { allocatorPolicySuite, type AllocatorPolicySuiteOptions } from './allocator-policy-suite.js';
export { authorizerSuite, type AuthorizerSuiteOptions, type Verdict } from './authorizer-suite.js';
export { FakeIsolator, type FakeIsolatorOptions } from './fake-isolator.js';
export { FakeSecretStore, type FakeSecretStoreOptions } from './fake-secret-store.js';
export { secretStoreSuite, type SecretStoreSuiteOptions } from './secret-store-suite.js';
export { isolatorSuite, type IsolatorSuiteOptions } from './isolator-suite.js';
export { cliCommandsSuite, type CliCommandsSuiteOptions } from './cli-commands-suite.js';
export * from './command-harness.js';
export { eventually } from './eventually.js';
export {
  discoverySinkSuite,
  type DiscoverySinkSuiteOptions,
  type DiscoverySinkUnderTest,
  type ShownTask,
} from './discovery-sink-suite.js';
export { eventSinkSuite, type EventSinkSuiteOptions, type EventSinkUnderTest } from './event-sink-suite.js';
export * from './routes-suite.js';
export { FakeCluster, type FakeAgent, type FakeTask } from './fake-cluster.js';
export * from './fake-operator-events.js';
export * from './fake-sinks.js';
export {
  metricsSinkSuite,
  type ArrivedSample,
  type MetricsSinkSuiteOptions,
  type MetricsSinkUnderTest,
} from './metrics-sink-suite.js';
export { qosControllerSuite, resourceEstimatorSuite } from './oversubscription-suite.js';
export * from './plugin-harness.js';
export { storeDriverSuite, type StoreDriverMedium, type StoreDriverSuiteOptions } from './store-driver-suite.js';
export { storeSuite, type StoreMedium, type StoreSuiteOptions } from './store-suite.js';
export * from './virtual-time.js';

export * from './fake-containerizer.js';
export { containerizerSuite, type ContainerizerSuiteOptions, type Law } from './containerizer-suite.js';
export { SHELL_BEHAVIOURS, type Behaviours } from './containerizer-behaviours.js';
export { authenticatorSuite, type AuthenticatorSuiteOptions } from './authenticator-suite.js';
export { authorizerSuite, type AuthorizerSuiteOptions, type Verdict } from './authorizer-suite.js';
export { FakeCluster, type FakeAgent, type FakeTask } from './fake-cluster.js';
export * from './plugin-harness.js';
export * from './virtual-time.js';

export { routeConflicts } from './http-claims.js';
export { readLocalPackage } from './local.js';
export {
  manifestOf,
  manifestOfEntry,
  PLUGIN_ID_PATTERN,
  requireForCluster,
  requireSdk,
  unmetDependencies,
} from './manifest.js';
export * from './signature.js';
export {
  inspectPackage,
  integrityOf,
  MAX_PACKAGE_BYTES,
  readPackage,
  requireIntegrity,
  unpackPackage,
} from './unpack.js';

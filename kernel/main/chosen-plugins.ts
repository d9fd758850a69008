import { ALLOCATOR_POLICY } from '@mezzo/sdk/points/allocator-policy';
import { AUTHENTICATOR } from '@mezzo/sdk/points/authenticator';
import { AUTHORIZER } from '@mezzo/sdk/points/authorizer';
import { QOS_CONTROLLER, RESOURCE_ESTIMATOR } from '@mezzo/sdk/points/oversubscription';
import { SECRET_STORE } from '@mezzo/sdk/points/secret-store';
import type { Chosen } from '../plugin-host/index.js';

/** Flags of masters and agents that name what a plugin brings, or what is built in. */
const POINTS = {
  http_authenticators: AUTHENTICATOR,
  http_framework_authenticators: AUTHENTICATOR,
  authorizers: AUTHORIZER,
  authorizer: AUTHORIZER,
  allocator: ALLOCATOR_POLICY,
  resource_estimator: RESOURCE_ESTIMATOR,
  qos_controller: QOS_CONTROLLER,
  secret_resolver: SECRET_STORE,
};

/** What a daemon that was started with these flags cannot do without. */
export const chosenBy = (flags: object): Chosen[] =>
  Object.entries(POINTS).flatMap(([flag, { id }]) =>
    [(flags as Readonly<Record<string, unknown>>)[flag]]
      .flat()
      .filter((name) => typeof name === 'string')
      .map((name) => ({ flag: `--${flag}=${name}`, point: id, name })),
  );

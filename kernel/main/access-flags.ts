import { parseCredentials, type Credentials } from '../http/auth/credentials.js';
import { parseAcls, type Acls } from '../core/authorizer/acls.js';
import { parseRateLimits, type RateLimits } from '../http/auth/rate-limits.js';
import { bool, text, type Flag } from './flags.js';

/** What a flag read from a file, and which. */
export interface FromFile<T> {
  readonly file: string;
  readonly value: T;
}

const credentialsFlag = (help: string): Flag<FromFile<Credentials> | undefined> => ({
  help,
  default: undefined,
  file: true,
  parse: (text, file) => ({ file, value: parseCredentials(text) }),
  show: (credentials) => credentials?.file ?? '',
});

/** A flag that lists names, separated by commas. */
const namesFlag = (help: string, fallback: readonly string[]): Flag<readonly string[]> => ({
  help,
  default: fallback,
  parse: (text) =>
    text
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  show: (names) => names.join(','),
});

/** The key of executors' tokens: the content of a file, as bytes. */
const keyFlag = (help: string): Flag<Uint8Array | undefined> => ({
  help,
  default: undefined,
  file: true,
  secret: true,
  parse: (text) => {
    if (text.length < 16) throw new Error('the key has less than 16 bytes');
    return Buffer.from(text);
  },
  show: () => '',
});

/** JSON that begins with {, or file://PATH. */
const aclsFlag: Flag<{ readonly text: string; readonly value: Acls } | undefined> = {
  help: 'Who may do what: JSON, or file://PATH of it; see docs/SECURITY.md (default: everybody, everything)',
  default: undefined,
  parse: (given) => ({ text: given.replace(/\s+/g, ' '), value: parseAcls(given) }),
  show: (acls) => acls?.text ?? '',
};

const rateLimitsFlag: Flag<{ readonly text: string; readonly value: RateLimits } | undefined> = {
  help: 'How many requests a second principals may make: JSON, or file://PATH of it; see docs/SECURITY.md (default: any)',
  default: undefined,
  parse: (given) => ({ text: given.replace(/\s+/g, ' '), value: parseRateLimits(given) }),
  show: (limits) => limits?.text ?? '',
};

/** Of master and agent alike. */
const both = {
  acls: aclsFlag,
  authenticate_http_readonly: bool('Ask who reads: /state, metrics, files and the like', false),
  authenticate_http_readwrite: bool('Ask who operates: /api/v1 and the endpoints that change something', false),
  http_authenticators: namesFlag('Who tells who reads and operates: basic, jwt, or those that plugins bring', [
    'basic',
  ]),
};

/** Of a master: who must show who they are, and how. */
export const masterAccessFlags = {
  ...both,
  rate_limits: rateLimitsFlag,
  authorizers: text('Who decides what may be done: local (by --acls), or one that a plugin brings', 'local'),
  authenticate_http_frameworks: bool('Ask who schedules: /api/v1/scheduler', false),
  http_framework_authenticators: namesFlag('Who tells who schedules: as in --http_authenticators', ['basic']),
  credentials: credentialsFlag('File of principals and secrets, as JSON or one pair a line'),
  authenticate_agents: bool('Has no effect: agents always show a token of the cluster', false, {
    aliases: ['authenticate_slaves'],
  }),
  authenticate_frameworks: bool('Has no effect: it is about the drivers of old, which are not served', false),
};

/** Of an agent. */
export const agentAccessFlags = {
  ...both,
  authorizer: text('Who decides what may be done: local (by --acls), or one that a plugin brings', 'local'),
  http_credentials: credentialsFlag('File of principals and secrets, as JSON or one pair a line'),
  authenticate_http_executors: bool('Executors show a token that this agent gives to each of them', false),
  jwt_secret_key: keyFlag("File with the key that signs executors' tokens (default: the key of the cluster)"),
};

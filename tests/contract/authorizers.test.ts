import { authorizerSuite, type Verdict } from '@mezzo/sdk/testing';
import { describe, it } from 'vitest';
import { parseAcls } from '../../kernel/core/authorizer/acls.js';
import { LocalAuthorizer } from '../../kernel/core/authorizer/local-authorizer.js';

const ops = { value: 'ops' };
const dev = { value: 'dev' };
const acls = {
  permissive: false,
  register_frameworks: [
    { principals: { values: ['ops'] }, roles: { type: 'ANY' } },
    { principals: { values: ['dev'] }, roles: { values: ['eng/%', 'test'] } },
  ],
  view_flags: [{ principals: { values: ['ops'] }, flags: { type: 'ANY' } }],
};
const verdicts: Verdict[] = [
  { principal: ops, action: 'register_frameworks', object: 'web', allowed: true },
  { principal: dev, action: 'register_frameworks', object: 'eng/a', allowed: true },
  { principal: dev, action: 'register_frameworks', object: 'test', allowed: true },
  { principal: dev, action: 'register_frameworks', object: 'eng', allowed: false },
  { action: 'register_frameworks', object: 'test', allowed: false },
  { principal: ops, action: 'view_flags', allowed: true },
  { principal: dev, action: 'view_flags', allowed: false },
  { principal: ops, action: 'run_tasks', object: 'root', allowed: false },
];

describe('the local authorizer', () => {
  const laws = authorizerSuite({ authorizer: new LocalAuthorizer(parseAcls(JSON.stringify(acls))), verdicts });
  for (const { title, timeoutMs, run } of laws) it(title, { timeout: timeoutMs }, run);
});

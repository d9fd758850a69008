import type { MezzoError } from '@mezzo/sdk/contract';

/** Reads JSON that an operator wrote. `invalid` makes the error, of what is wrong and where. */
export const operatorJson = (invalid: (why: string) => MezzoError) => ({
  parsed(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw invalid(`no JSON: ${(error as Error).message}`);
    }
  },
  objectOf(value: unknown, where: string): Record<string, unknown> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    throw invalid(`${where} must be an object`);
  },
});

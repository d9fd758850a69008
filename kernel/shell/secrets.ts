export * from '@mezzo/sdk/secrets';

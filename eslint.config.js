import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['**/dist/**', 'build/**', '**/node_modules/**', 'scripts/**', 'cli/bin/**', 'examples/**', '*.js'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.tests.json', './{sdk,kernel,kernel/core,cli}/tsconfig.json', './plugins/*/tsconfig.json'],
      },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { arguments: false, attributes: false } },
      ],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'off',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      eqeqeq: 'error',
    },
  },
  {
    // oclif finds a command by the default export of its file; tools read theirs the same way.
    files: [
      'cli/src/commands/**/*.ts',
      'cli/src/hooks/**/*.ts',
      '*.config.ts',
      'plugins/*/plugin.ts',
      'cli/templates/*/plugin.ts',
      'cli/templates/*/commands.ts',
      'examples/**/*.ts',
    ],
    rules: { 'no-restricted-exports': 'off' },
  },
  {
    // The runner of Node waits for its tests itself.
    files: ['cli/templates/**/*.test.ts'],
    rules: { '@typescript-eslint/no-floating-promises': 'off' },
  },
);

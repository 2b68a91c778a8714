export default {
  rootDir: '.',
  // Generous, because a busy machine is no failure: what must be fast is measured in tests/bench, not timed here.
  testTimeout: 300_000,
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } }] },
  moduleNameMapper: { '^@drayage/core$': '<rootDir>/layers/core/index.ts' },
}

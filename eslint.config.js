import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import { importX } from 'eslint-plugin-import-x'
import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

/**
 * The rooms and where each may import from. This table is the import direction: a path that is not in a room's list is an
 * error, also in a type import, a re-export or an import(). Every room may import from itself. What stands in a room inside a
 * room obeys both lists.
 */
export const ROOMS = {
  'layers/core/domain': [],
  'layers/core/stores': ['layers/core/domain'],
  'layers/core/access': ['layers/core/domain'],
  'layers/core/transfer': ['layers/core/domain'],
  'layers/core/handler': ['layers/core/domain', 'layers/core/stores', 'layers/core/access', 'layers/core/transfer'],
  layers: [],
  functions: ['layers/core/index.ts'],
  // Judges of the rest: a mistake they shared with it would cancel out.
  'cli/local/s3-server': ['layers/core/domain'],
  'cli/local/engine': ['layers/core/domain'],
  cli: ['functions', 'layers'],
  scripts: ['cli', 'functions', 'layers'],
}

const zones = Object.entries(ROOMS).map(([room, allowed]) => ({
  target: `./${room}`,
  from: '.',
  except: [room, ...allowed, 'node_modules'],
  message: `${room} may import from ${['itself', ...allowed].join(', ')}: see ROOMS in eslint.config.js.`,
}))

/** Packages as an allowlist: a new one in a room that has such a list is a decision. Relative imports are the rooms' affair. */
const onlyPackages = (room, packages, ...others) => [
  'error',
  {
    patterns: [
      { regex: `^(?!\\.|(${packages.join('|')})$)`, allowTypeImports: true, message: `${room} may load only ${packages.join(', ')}.` },
      ...others,
    ],
  },
]

const noDynamicImport = {
  selector: 'ImportExpression',
  message: 'Import statically: the rules of this room cannot read a computed import.',
}

const everyTestRuns = 'Every test runs. One that needs a tool hangs on a condition: const withMoto = hasMoto ? describe : describe.skip'
const focusedOrSkipped = ['fdescribe', 'fit', 'xdescribe', 'xit', 'xtest'].map((name) => ({ name, message: everyTestRuns }))
const TESTS = '/^(describe|it|test)$/'
const modified = (names, where = '') => ({
  selector: `MemberExpression${where}:matches([object.name=${TESTS}], [object.object.name=${TESTS}])[property.name=/^(${names})$/]`,
  message: everyTestRuns,
})

export default defineConfig(
  { ignores: ['**/.serverless/', '**/.esbuild/', '**/.build/', '**/.drayage*/', '**/coverage/', '**/.fresh/'] },
  {
    files: ['**/*.{ts,js,mjs,cjs}'],
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver({ project: `${import.meta.dirname}/tsconfig.json` })] },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'import-x/no-restricted-paths': ['error', { basePath: import.meta.dirname, zones }],
      eqeqeq: 'error',
      'no-empty': 'error',
      'no-unsafe-finally': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/only-throw-error': 'error',
      // A signal's reason is typed any.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingAny: true, allowThrowingUnknown: true }],
      // A promise that is returned, not awaited, from inside a try is not caught by it.
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['layers/**/*.ts', 'functions/**/*.ts'],
    rules: {
      'no-console': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unsafe-argument': 'error',
      '@typescript-eslint/no-unsafe-assignment': 'error',
      '@typescript-eslint/no-unsafe-call': 'error',
      '@typescript-eslint/no-unsafe-member-access': 'error',
      '@typescript-eslint/no-unsafe-return': 'error',
    },
  },
  {
    files: ['layers/core/domain/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': onlyPackages('domain', ['zod', 'node:crypto', 'node:buffer'], {
        group: ['node:crypto'],
        importNamePattern: '^(random|webcrypto|getRandomValues)',
        message: 'domain draws no random numbers: take the value as an argument.',
      }),
      'no-restricted-globals': [
        'error',
        ...['process', 'console', 'globalThis', 'fetch', 'performance', 'crypto'],
        ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'domain has no clock: take the time as an argument.' },
        { object: 'Math', property: 'random', message: 'domain draws no random numbers: take the value as an argument.' },
      ],
      'no-restricted-syntax': [
        'error',
        noDynamicImport,
        {
          selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
          message: 'domain has no clock: take the time as an argument.',
        },
        { selector: 'CallExpression[callee.name="Date"]', message: 'domain has no clock: take the time as an argument.' },
      ],
    },
  },
  {
    files: ['layers/core/transfer/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': onlyPackages('transfer, which is given its stores,', [
        'node:buffer',
        'node:crypto',
        'node:events',
        'node:stream(/promises|/consumers)?',
        'node:timers/promises',
        'node:zlib',
      ]),
      'no-restricted-globals': ['error', 'process', 'fetch'],
      'no-restricted-syntax': ['error', noDynamicImport],
    },
  },
  {
    files: ['functions/**/*.ts'],
    rules: {
      // By its name and not by its place: only the name stays outside a function's bundle, and a second copy of the error
      // classes would fail every instanceof.
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^(?!@drayage/core$|\\./[^/]+$|aws-lambda$)',
              message: 'functions import only from @drayage/core, by that name, and from beside themselves.',
            },
            { regex: '^aws-lambda$', allowTypeImports: true, message: 'Only the types of aws-lambda exist.' },
          ],
        },
      ],
      'no-restricted-globals': ['error', 'process', 'fetch'],
      'no-restricted-syntax': ['error', noDynamicImport],
    },
  },
  {
    files: ['cli/local/s3-server/**/*.ts', 'cli/local/engine/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '/layers/(?!core/domain/errors$)',
              allowTypeImports: true,
              message: 'A judge of the layer loads nothing of it but its error classes: types only.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['tests/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...focusedOrSkipped],
      'no-restricted-syntax': ['error', modified('only|todo|failing'), modified('skip', ':not(ConditionalExpression *, IfStatement *)')],
    },
  },
  {
    // Where the conditions live: describeWithMoto and the like.
    files: ['tests/support/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', modified('only|todo|failing')] },
  },
)

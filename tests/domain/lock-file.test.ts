import { readFileSync } from 'node:fs'
import { missingPlatforms, type LockPackages } from '../../scripts/lock-platforms'

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: LockPackages }

test('the lock file has every platform’s builds, so that npm ci takes it everywhere', () => {
  expect(missingPlatforms(packages)).toEqual({})
})

test('a missing build would be seen, with the platform it is for', () => {
  const { ['node_modules/@swc/core-darwin-arm64']: gone, ...rest } = packages
  expect(gone).toBeDefined()
  expect(missingPlatforms(rest)).toEqual({
    'node_modules/@swc/core-darwin-arm64': { version: gone!.version, cpu: ['arm64'], dev: true, optional: true, os: ['darwin'] },
  })
})

test('a missing package that is for every platform is an error', () => {
  expect(() => missingPlatforms({ 'node_modules/a': { optionalDependencies: { b: '1.0.0' } } })).toThrow(/b, which/)
})

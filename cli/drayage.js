#!/usr/bin/env node
// Plain JavaScript, so that a clone runs without a build step: tsx compiles what it imports, with this repository's own
// tsconfig.json, whatever the current directory is.
import { fileURLToPath } from 'node:url'
import { register } from 'tsx/esm/api'

// The SDK announces the end of Node.js 20 support at every start; package.json says which releases this command is tested with.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true'

register({ tsconfig: fileURLToPath(new URL('../tsconfig.json', import.meta.url)) })
const { main } = await import('./main.ts')
await main(process.argv)

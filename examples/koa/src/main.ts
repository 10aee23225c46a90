import { run } from '@oauth-pop/example-visit'
import { startApi } from './start.ts'

await run(startApi)

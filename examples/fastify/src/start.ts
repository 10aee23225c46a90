import type { StartApi } from '@oauth-pop/example-visit'
import { createApi } from './api.ts'

export const startApi: StartApi = async (port, options) => {
  const app = await createApi(options)
  await app.listen({ port, host: '127.0.0.1' })
  return () => app.close()
}

import { NestFactory } from '@nestjs/core'
import type { StartApi } from '@oauth-pop/example-visit'
import { ApiModule } from './api.ts'

export const startApi: StartApi = async (port, options) => {
  const settings = { logger: false, forceCloseConnections: true } as const
  const app = await NestFactory.create(ApiModule.with(options), settings)
  await app.listen(port, '127.0.0.1')
  return () => app.close()
}

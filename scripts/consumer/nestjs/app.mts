import 'reflect-metadata'
import { Controller, Get, Module, Post, Req } from '@nestjs/common'
import { APP_GUARD, NestFactory } from '@nestjs/core'
import {
  AccessToken,
  AllowUnverified,
  jwtTokens,
  PopGuard,
  PopModule,
  RequireAnyScope,
  RequireAuthentication,
  RequireClaims,
  RequireCoverage,
  RequireScheme,
  RequireScopes,
  RequireToken,
  UsePoP,
  type PopModuleOptions,
} from '@oauth-pop/nestjs'

@Controller('photos')
@UsePoP()
class PhotosController {
  @RequireScopes('photos:read')
  @Get()
  list(@AccessToken() token: AccessToken) {
    return token.subject
  }
}

export async function start(port: number, options: PopModuleOptions): Promise<() => Promise<void>> {
  @Module({ imports: [PopModule.forRoot(options)], controllers: [PhotosController] })
  class AppModule {}

  const app = await NestFactory.create(AppModule, { logger: false, forceCloseConnections: true })
  await app.listen(port, '127.0.0.1')
  return () => app.close()
}

@Controller()
@RequireToken()
@RequireScheme('PoP')
@RequireAnyScope('a', 'b')
class GuardedController {
  @RequireClaims((claims) => claims['x'] === 1)
  @RequireCoverage({ query: true })
  @RequireAuthentication({ acrValues: ['phr'] })
  @Post()
  add(@Req() request: Express.Request): readonly string[] {
    return request.accessToken.scopes
  }

  @AllowUnverified()
  @Get()
  open(@AccessToken() token: AccessToken | undefined): string {
    return token?.subject ?? 'nobody'
  }
}

const tokens = jwtTokens({ issuer: 'https://as.example.com', audience: 'api' })

class Configuration {
  readonly publicUrl = 'https://api.example.com'
}

@Module({ providers: [Configuration], exports: [Configuration] })
class ConfigurationModule {}

@Module({
  imports: [
    PopModule.forRootAsync({
      imports: [ConfigurationModule],
      inject: [Configuration],
      useFactory: async ({ publicUrl }: Configuration) => ({ publicUrl, tokens }),
    }),
  ],
  controllers: [GuardedController],
  providers: [{ provide: APP_GUARD, useExisting: PopGuard }],
})
export class GuardedModule {}

export const fromEnvironment = () => PopModule.forRoot()
// @ts-expect-error no such member
export const odd = (token: AccessToken) => token.subjekt
// @ts-expect-error publicUrl is required
export const incomplete = () => PopModule.forRoot({ tokens })
// @ts-expect-error a misspelled name
export const misspelled = () => PopModule.forRoot({ publicUrl: 'request', tokens, optinal: true })

import 'reflect-metadata'
import { Body, Controller, Get, Module, Post, type DynamicModule } from '@nestjs/common'
import {
  AccessToken,
  AllowUnverified,
  PopModule,
  RequireCoverage,
  RequireScopes,
  UsePoP,
  type PopModuleOptions,
} from '@oauth-pop/nestjs'

@Controller()
@UsePoP()
class PhotosController {
  @AllowUnverified()
  @Get('health')
  health(): object {
    return { status: 'ok' }
  }

  @RequireScopes('photos:read')
  @Get('photos')
  list(@AccessToken() token: AccessToken): object {
    return { owner: token.subject, photos: ['cat.jpg'] }
  }

  @RequireScopes('photos:write')
  @RequireCoverage({ body: true })
  @Post('photos')
  add(@AccessToken() token: AccessToken, @Body() body: unknown): object {
    return { owner: token.subject, added: body }
  }
}

@Module({ controllers: [PhotosController] })
export class ApiModule {
  static with(options: PopModuleOptions): DynamicModule {
    return { module: ApiModule, imports: [PopModule.forRoot(options)] }
  }
}

import { Controller, Get, Module } from '@nestjs/common'
import { AccessToken, PopModule, RequireScopes, storedTokens } from '@oauth-pop/nestjs'

@Controller('photos')
class PhotosController {
  @RequireScopes('photos:read')
  @Get()
  list(@AccessToken() token: AccessToken) {
    return token.subject
  }
}

const tokens = storedTokens(() => undefined, { audience: 'api' })

@Module({
  imports: [PopModule.forRoot({ publicUrl: 'https://api.example.com', tokens })],
  controllers: [PhotosController],
})
export class AppModule {}

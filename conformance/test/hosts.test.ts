import { compareAdapters } from '@oauth-pop/testkit'
import { hosts as express } from '../../packages/express/test/hosts.ts'
import { hosts as fastify } from '../../packages/fastify/test/hosts.ts'
import { hosts as koa } from '../../packages/koa/test/hosts.ts'
import { hosts as nest } from '../../packages/nestjs/test/hosts.ts'

compareAdapters({ ...express, ...fastify, ...koa, ...nest })

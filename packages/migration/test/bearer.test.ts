import 'reflect-metadata'
import { writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import fastifyJwt from '@fastify/jwt'
import * as nestCommon from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import * as nestPassport from '@nestjs/passport'
import { ExpressAdapter } from '@nestjs/platform-express'
import type { AcceptedEvent, RefusedEvent } from '@oauth-pop/core'
import * as popExpress from '@oauth-pop/express'
import * as popFastify from '@oauth-pop/fastify'
import * as popKoa from '@oauth-pop/koa'
import * as popNest from '@oauth-pop/nestjs'
import { addressOf, collectEvents, sendRaw } from '@oauth-pop/testkit'
import express from 'express'
import * as expressJwt from 'express-jwt'
import fastify, { type FastifyInstance } from 'fastify'
import buildGetJwks from 'get-jwks'
import * as jwksRsa from 'jwks-rsa'
import Koa from 'koa'
import koaJwt from 'koa-jwt'
import passport from 'passport'
import passportJwt from 'passport-jwt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRequests } from './bearer-requests.ts'
import { blockBelow, placeOf, readPage, runBlock, tableOf, withTable } from './blocks.ts'
import { describeAnswer, serve, startIssuer } from './world.ts'

const name = 'migrate-from-bearer.md'
const page = readPage(name)
const columns = ['request', 'before', '1. look', 'counted', '2. both', '3. closed']
const modules = {
  '@fastify/jwt': { default: fastifyJwt },
  '@nestjs/common': nestCommon,
  '@nestjs/passport': nestPassport,
  '@oauth-pop/express': popExpress,
  '@oauth-pop/fastify': popFastify,
  '@oauth-pop/koa': popKoa,
  '@oauth-pop/nestjs': popNest,
  express: { default: express },
  'express-jwt': expressJwt,
  fastify: { default: fastify },
  'get-jwks': { default: buildGetJwks },
  'jwks-rsa': jwksRsa,
  koa: { default: Koa },
  'koa-jwt': { default: koaJwt },
  passport: { default: passport },
  'passport-jwt': passportJwt,
}

const closing: (() => Promise<unknown>)[] = []
afterAll(() => Promise.all(closing.map((close) => close())))

/** How the program of each package is served; `result` is what its code declares. */
const packages: Readonly<
  Record<string, { result: string; serve: (made: never) => Promise<number> }>
> = {
  'express-jwt': { result: 'app', serve: (app: RequestListener) => serve(app) },
  'passport-jwt': { result: 'app', serve: (app: RequestListener) => serve(app) },
  '@fastify/jwt': {
    result: 'app',
    async serve(app: FastifyInstance) {
      closing.push(() => app.close())
      await app.listen({ port: 0, host: '127.0.0.1' })
      return addressOf(app.server).port
    },
  },
  'koa-jwt': {
    result: 'app',
    serve: (app: Koa) => serve(app.on('error', () => {}).callback() as RequestListener),
  },
  '@nestjs/passport': {
    result: 'AppModule',
    async serve(module: object) {
      const app = await NestFactory.create(module, new ExpressAdapter(), { logger: false })
      closing.push(() => app.close())
      await app.listen(0, '127.0.0.1')
      return addressOf(app.getHttpServer() as never).port
    },
  },
}

let issuer: string
beforeAll(async () => {
  issuer = await startIssuer()
})

async function start(own: string, step: 'before' | 'look' | 'both' | 'closed'): Promise<number> {
  const block = blockBelow(page, `### ${own}: ${step === 'closed' ? 'both' : step}`)
  const code = step === 'closed' ? block.replace('[dpop(), bearer()]', '[dpop()]') : block
  expect(code.includes('bearer()')).toBe(step === 'look' || step === 'both')
  const { result, serve: serveIt } = packages[own] as (typeof packages)[string]
  const made = await runBlock(code.replaceAll('https://as.example.com', issuer), modules, result)
  return serveIt(made as never)
}

/** The rows of the table, as one package gives them. */
async function answersOf(own: string): Promise<readonly string[][]> {
  const accepted = collectEvents<AcceptedEvent>('oauth-pop:accepted')
  const refused = collectEvents<RefusedEvent>('oauth-pop:refused')
  const [before, look, both, closed] = [
    await start(own, 'before'),
    await start(own, 'look'),
    await start(own, 'both'),
    await start(own, 'closed'),
  ]
  // One set of requests for each step: a proof is good once, also where two steps share a process.
  const sets = await Promise.all([1, 2, 3, 4].map(() => createRequests(issuer)))
  const rows: string[][] = []
  for (const request of Object.keys(sets[0] ?? {})) {
    const send = async (port: number, index: number) => {
      const raw = sets[index]?.[request]
      if (raw === undefined) throw new Error(`no ${request}`)
      return sendRaw(port, raw)
    }
    const first = await send(before, 0)
    const seen = [accepted.length, refused.length] as const
    const second = await send(look, 1)
    const counted = [
      ...accepted.slice(seen[0]).map(({ accessToken }) => `\`${accessToken.scheme}\``),
      ...refused
        .slice(seen[1])
        .map(({ mode, code }) => `${mode === 'report' ? '' : mode}\`${code}\``),
    ]
    rows.push([
      request,
      describeAnswer(first),
      describeAnswer(second),
      counted.join(', '),
      describeAnswer(await send(both, 2)),
      describeAnswer(await send(closed, 3)),
    ])
  }
  return rows
}

describe('the page about bearer tokens', () => {
  test.each(Object.keys(packages))('tells what clients of %s see at each step', async (own) => {
    const rows = await answersOf(own)
    if (process.env['UPDATE_PAGES'] === '1' && own === 'express-jwt') {
      writeFileSync(placeOf(name), withTable(page, columns, rows))
      return
    }
    expect(tableOf(readPage(name), columns)).toEqual(rows)
  })
})

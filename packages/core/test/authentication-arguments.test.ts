import { requireAuthentication } from '@oauth-pop/core'
import { describe, expect, test } from 'vitest'

describe('a guard that is made with', () => {
  const missing = 'ERR_POP_OPTION_MISSING'
  const invalid = 'ERR_POP_OPTION_INVALID'

  test.each<[string, unknown, string]>([
    ['no options', undefined, missing],
    ['nothing', {}, missing],
    ['undefined only', { acrValues: undefined, maxAgeSeconds: undefined }, missing],
  ])('%s is a mistake at start-up', { tags: ['rule-guard-empty'] }, (_, wrong, code) => {
    expect(() => requireAuthentication(wrong as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', code }) as Error,
    )
  })

  test.each<[string, unknown, string]>([
    ['a misspelled name', { acr_values: ['a'] }, 'ERR_POP_OPTION_UNKNOWN'],
    ['an empty list', { acrValues: [] }, invalid],
    ['an empty list beside an age', { acrValues: [], maxAgeSeconds: 5 }, invalid],
    ['one text', { acrValues: 'a' }, invalid],
    ['an empty class', { acrValues: ['a', ''] }, invalid],
    ['a class that is no text', { acrValues: [1] }, invalid],
    ['two classes in one text', { acrValues: ['a b'] }, invalid],
    ['a quote', { acrValues: ['a"b'] }, invalid],
    ['a backslash', { acrValues: ['a\\b'] }, invalid],
    ['a comma', { acrValues: ['a,b'] }, invalid],
    ['the end of a line', { acrValues: ['a\r\n'] }, invalid],
    ['a tab', { acrValues: ['a\tb'] }, invalid],
    ['a letter beyond ASCII', { acrValues: ['\u00e4'] }, invalid],
    ['DEL', { acrValues: ['a\x7f'] }, invalid],
    ['a negative age', { maxAgeSeconds: -1 }, invalid],
    ['a fraction', { maxAgeSeconds: 0.5 }, invalid],
    ['no number', { maxAgeSeconds: Number.NaN }, invalid],
    ['no end', { maxAgeSeconds: Number.POSITIVE_INFINITY }, invalid],
    ['an age as text', { maxAgeSeconds: '300' }, invalid],
    ['an age of null', { maxAgeSeconds: null }, invalid],
  ])('%s is a mistake at start-up', { tags: ['step-up-arguments'] }, (_, wrong, code) => {
    expect(() => requireAuthentication(wrong as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', code }) as Error,
    )
  })
})

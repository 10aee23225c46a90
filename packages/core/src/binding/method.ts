/** The claimed method in upper case, by ASCII rules only: Unicode ones turn U+017F into `S`. */
export function normaliseMethod(claim: string, trim: boolean): string {
  const text = trim ? trimSpaces(claim) : claim
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

function trimSpaces(text: string): string {
  let start = 0
  let end = text.length
  while (text[start] === ' ') start += 1
  while (end > start && text[end - 1] === ' ') end -= 1
  return text.slice(start, end)
}

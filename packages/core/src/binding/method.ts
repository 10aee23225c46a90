/** The claimed method in upper case, by ASCII rules only: Unicode ones turn U+017F into `S`. */
export function normaliseMethod(claim: string, trim: boolean): string {
  const text = trim ? claim.replace(/^ +| +$/g, '') : claim
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

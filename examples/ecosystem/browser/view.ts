/** Puts a text into the element with this id. */
export function show(id: string, text: string): void {
  find(id).textContent = text
}

/** Enables a button; what goes wrong after a click is shown, not lost. */
export function onClick(id: string, what: string, act: () => Promise<void>): void {
  const button = find(id) as HTMLButtonElement
  button.addEventListener('click', () => {
    act().catch((error: unknown) => showFailure(what, error))
  })
  button.disabled = false
}

/** Adds a response to the list: its challenges, where it has any, else its body. */
export async function showAnswer(what: string, response: Response): Promise<void> {
  const text = response.headers.get('www-authenticate') ?? (await response.text())
  addToList(what, `${response.status}`, text, response.ok)
}

export function showFailure(what: string, error: unknown): void {
  addToList(what, 'failed', String(error), false)
}

function addToList(what: string, status: string, text: string, ok: boolean): void {
  const line = document.createElement('li')
  line.append(`${what} `, element('span', ok ? 'status ok' : 'status', status))
  line.append(element('p', 'answer', text))
  find('answers').append(line)
}

function element(tag: string, className: string, text: string): HTMLElement {
  const made = document.createElement(tag)
  made.className = className
  made.textContent = text
  return made
}

function find(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no element ${id}`)
  return found
}

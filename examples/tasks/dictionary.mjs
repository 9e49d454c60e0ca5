// For threads-initializer.mjs: what each thread prepares once, and what its tasks and hooks then use.
let words

export async function load(...list) {
  words = new Set(list)
}

export function spell(response) {
  const { fruit } = response.json()
  response.data = fruit.filter((word) => words.has(word))
}

export const has = (word) => words.has(word)

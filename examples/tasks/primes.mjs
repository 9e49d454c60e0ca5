// For threads-cpu-task.mjs: work that would block the main loop. It looks now and then whether it is still wanted.
export async function countPrimes(from, to, { signal }) {
  let count = 0
  for (let number = from; number < to; number++) {
    if (isPrime(number)) count++
    if (number % 10_000 === 0) {
      await new Promise((resolve) => setImmediate(resolve)) // messages are heard between turns of the thread's loop
      signal.throwIfAborted()
    }
  }
  return count
}

function isPrime(number) {
  if (number < 2) return false
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false
  return true
}
